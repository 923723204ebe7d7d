import { randomUUID } from 'node:crypto';
import { mkdir, readdir, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** Name of the folder, under an organization's files, that holds what is being read. No connection reads from it. */
export const WORK_FOLDER = '.millrace-reading';

/** Where a reader's folder lies: not beside the file, since a source need not be writable. Makes nothing. */
export function nameWorkFolder(filesRoot: string): string {
  return join(filesRoot, WORK_FOLDER, `${process.pid}-${randomUUID()}`);
}

/** Makes a reader's folder, and removes those that killed processes left beside it. */
export async function makeWorkFolder(folder: string): Promise<void> {
  const parent = dirname(folder);
  await mkdir(folder, { recursive: true });
  for (const name of await readdir(parent)) {
    const path = join(parent, name);
    if (await isLeft(path, Number.parseInt(name, 10))) await rm(path, { recursive: true, force: true });
  }
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
