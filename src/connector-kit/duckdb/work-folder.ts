import { randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, readdir, rm, rmdir, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';

/** Name of the folder, under an organization's files, that holds what is being read. No connection reads from it. */
export const WORK_FOLDER = '.millrace-reading';

/**
 * Makes a reader's folder, and removes those that killed processes left beside it. It is not beside the file, since a source
 * need not be writable; where the files root is not either, it is in the system's folder for such.
 */
export async function makeWorkFolder(filesRoot: string): Promise<string> {
  const parent = join(filesRoot, WORK_FOLDER);
  const folder = join(parent, `${process.pid}-${randomUUID()}`);
  try {
    await makeFolder(folder);
  } catch (error) {
    if (!isForbidden(error)) throw error;
    return mkdtemp(join(tmpdir(), 'millrace-reading-'));
  }
  for (const name of await readdir(parent)) {
    const path = join(parent, name);
    if (await isLeft(path, Number.parseInt(name, 10))) await rm(path, { recursive: true, force: true });
  }
  return folder;
}

/** Another reader that ends may take the parent away in the middle. */
async function makeFolder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true }).catch(() => mkdir(folder, { recursive: true }));
}

function isForbidden(error: unknown): boolean {
  return error instanceof Error && 'code' in error && ['EACCES', 'EPERM', 'EROFS'].includes(String(error.code));
}

/** Removes a reader's folder, and the one around it behind the last. */
export async function removeWorkFolder(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true });
  // Others are in it still.
  if (basename(dirname(folder)) === WORK_FOLDER) await rmdir(dirname(folder)).catch(() => {});
}

/** One server works in a files root. In a container it may have the number of the one before it. */
async function isLeft(path: string, pid: number): Promise<boolean> {
  if (pid !== process.pid) return !isRunning(pid);
  const made = await stat(path).catch(() => null);
  return made !== null && made.ctimeMs < Date.now() - process.uptime() * 1000 - 1000;
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
