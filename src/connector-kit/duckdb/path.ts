import { lstatSync, realpathSync } from 'node:fs';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';
import { SyncError } from '../../core/index.ts';

/**
 * The real path of a connection's database file, symbolic links resolved. The file and its folders need not exist.
 * @throws `CONN_PATH_REFUSED` when it does not lie inside `filesRoot`
 */
export function resolveFilePath(path: string, filesRoot: string): string {
  if (path.includes('\0')) throw refused(path, 'it holds a zero byte');
  const root = toRealPath(resolve(filesRoot), path);
  const real = toRealPath(resolve(filesRoot, path), path);
  const inside = relative(root, real);
  if (inside === '') throw refused(path, 'it names the folder itself');
  if (inside === '..' || inside.startsWith(`..${sep}`)) throw refused(path, 'it leads out of that folder');
  // DuckDB takes what is behind it for options, and would look for its own files elsewhere.
  if (real.includes('?')) throw refused(path, 'DuckDB cannot use a path with a question mark');
  return real;
}

/** Of a path that does not exist yet, the real path of what exists and the rest as it is. */
function toRealPath(path: string, asked: string): string {
  try {
    return realpathSync(path);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code !== 'ENOENT') throw refused(asked, `it cannot be resolved (${String(code)})`);
  }
  if (lstatSync(path, { throwIfNoEntry: false }) !== undefined) throw refused(asked, 'it is a link to nothing');
  return join(toRealPath(dirname(path), asked), basename(path));
}

function refused(path: string, why: string): SyncError {
  return new SyncError(
    'CONN_PATH_REFUSED',
    `The path ${JSON.stringify(path)} was refused: ${why}. Give a path relative to the folder that connections of this organization may use.`,
    { detail: { field: 'path' } },
  );
}
