import { open, readFile, rename, rm, symlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { toSyncError } from '../../../connector-kit/duckdb/index.ts';
import { SyncError } from '../../../core/index.ts';

/** Does `work`, and words what the file system refuses; statements are translated where they run. */
export async function onDisk<T>(action: string, path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw error instanceof Error && 'syscall' in error ? toSyncError(error, action, path) : error;
  }
}

/** Waits until the file, or a folder's list of names, would survive a power cut. */
export async function syncToDisk(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/**
 * Puts a JSON document in the place of another in one step.
 * `isDurable` false leaves it to the system when it reaches the disk: a crash of this process keeps it all the same.
 */
export async function replaceJson(path: string, value: unknown, isDurable = true): Promise<void> {
  const next = `${path}.next`;
  const handle = await open(next, 'w');
  try {
    await handle.writeFile(`${JSON.stringify(value)}\n`);
    if (isDurable) await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(next, path);
  if (isDurable) await syncToDisk(dirname(path));
}

/** The document, or null where there is no file. @throws `FILE_INVALID` when it is no JSON */
export async function readJson(path: string): Promise<unknown> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    if (isMissing(error)) return null;
    throw error;
  });
  if (text === null) return null;
  try {
    return JSON.parse(text);
  } catch {
    throw new SyncError(
      'FILE_INVALID',
      `Reading ${path} failed: Millrace wrote it and somebody changed it. Move the table's folder away, then start again.`,
    );
  }
}

/** Points a link elsewhere in one step. `next` is a name beside it, or in another folder of the same disk, to make it under. */
export async function replaceLink(link: string, target: string, next: string): Promise<void> {
  await rm(next, { force: true });
  await symlink(target, next);
  await rename(next, link);
  await syncToDisk(dirname(link));
}

/** True for the error of a file or folder that is not there. */
export function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR');
}
