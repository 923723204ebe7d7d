/* Loaded before libc: moves the clock and lets fsync fail, as a file says that is shared with the test. Of fsync only
 * files are met whose path holds TORTURE_FSYNC_PATH, if that is set. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

struct control {
  int64_t clock_seconds;
  int64_t fsync_fails;
};

static const struct control *control;
static const struct control still;

static const struct control *look(void) {
  if (control) return control;
  const char *path = getenv("TORTURE_CONTROL");
  int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
  void *page = file < 0 ? MAP_FAILED : mmap(0, sizeof *control, PROT_READ, MAP_SHARED, file, 0);
  if (file >= 0) close(file);
  return control = page == MAP_FAILED ? &still : page;
}

#define REAL(name) ((__typeof__(&name))real_##name)
#define LOOK_UP(name) \
  static void *real_##name; \
  if (!real_##name) real_##name = dlsym(RTLD_NEXT, #name)

int clock_gettime(clockid_t id, struct timespec *at) {
  LOOK_UP(clock_gettime);
  int result = REAL(clock_gettime)(id, at);
  if (result == 0 && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE)) at->tv_sec += look()->clock_seconds;
  return result;
}

int gettimeofday(struct timeval *restrict at, void *restrict zone) {
  LOOK_UP(gettimeofday);
  int result = REAL(gettimeofday)(at, zone);
  if (result == 0) at->tv_sec += look()->clock_seconds;
  return result;
}

time_t time(time_t *at) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (at) *at = now.tv_sec;
  return now.tv_sec;
}

static int fails(int file) {
  if (!look()->fsync_fails) return 0;
  const char *part = getenv("TORTURE_FSYNC_PATH");
  if (!part) return 1;
  char link[64], path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", file);
  ssize_t length = readlink(link, path, sizeof path - 1);
  path[length < 0 ? 0 : length] = 0;
  return strstr(path, part) != 0;
}

int fsync(int file) {
  LOOK_UP(fsync);
  if (!fails(file)) return REAL(fsync)(file);
  errno = EIO;
  return -1;
}

int fdatasync(int file) {
  LOOK_UP(fdatasync);
  if (!fails(file)) return REAL(fdatasync)(file);
  errno = EIO;
  return -1;
}
