import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A small disk of its own, which can be filled and emptied again. */
export interface TightDisk extends Disposable {
  readonly folder: string;
  /** Leaves that many bytes free, or what there is when that is less. */
  fill(freeBytes: number): void;
  /** Gives back what `fill` has taken. */
  free(): void;
}

/** Mounts one at the folder, which it makes. Null where we may not mount. */
export function mountTightDisk(
  sizeBytes: number,
  folder = mkdtempSync(join(tmpdir(), 'millrace-disk-')),
): TightDisk | null {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const { status } = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${sizeBytes},mode=0755`, 'tmpfs', folder]);
  if (status !== 0) return null;
  chmodSync(folder, 0o755);
  const filler = join(folder, '.filler');
  return {
    folder,
    fill(freeBytes) {
      const { bavail, bsize } = statfsSync(folder);
      writeFileSync(filler, Buffer.alloc(Math.max(0, bavail * bsize - freeBytes)));
    },
    free: () => rmSync(filler, { force: true }),
    [Symbol.dispose]() {
      // Lazily, should somebody still have a file open there.
      spawnSync('umount', ['-l', folder]);
      if (existsSync(folder)) rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Whether this machine lets us mount. */
export function canMount(): boolean {
  using disk = mountTightDisk(1024 * 1024);
  return disk !== null;
}
