import { basename, dirname } from 'node:path';
import { resolveFilePath } from '../../connector-kit/duckdb/index.ts';

/** Where a connection's files lie. */
export interface Place {
  /** Real path of the file or folder; of a pattern, of the folder before its first `*`. */
  readonly path: string;
  /** Behind `path`; null where the connection names no pattern. */
  readonly pattern: RegExp | null;
  /** Name of the one table of a pattern. */
  readonly patternName: string;
}

/** @throws `CONN_PATH_REFUSED` when it does not lie inside `filesRoot` */
export function resolvePlace(path: string, filesRoot: string): Place {
  const star = path.indexOf('*');
  if (star < 0) return { path: resolveFilePath(path, filesRoot), pattern: null, patternName: '' };
  // A folder that must be inside the root even where the pattern begins in the root itself.
  const fixed = path.slice(0, star).replace(/[^/]*$/, '');
  const folder = dirname(resolveFilePath(`${fixed}_`, filesRoot));
  return { path: folder, pattern: toPattern(path.slice(fixed.length)), patternName: nameOf(fixed, path) };
}

/** `**` stands for any folders, also none, `*` for any part of a name. Everything else is literal. */
function toPattern(text: string): RegExp {
  const source = text
    .split(/(\*\*\/|\*\*|\*)/)
    .map((part) => {
      if (part === '**/') return '(?:[^/]+/)*';
      if (part === '**') return '.*';
      return part === '*' ? '[^/]*' : part.replace(/[.+?^${}()|[\]\\]/g, '\\$&');
    })
    .join('');
  return new RegExp(`^${source}$`, 's');
}

/** The folder that the pattern stands in, else what is left of the pattern itself. */
function nameOf(fixed: string, path: string): string {
  const folder = basename(fixed);
  return folder === '' || folder === '.'
    ? path.replace(/\*|\.[^./]*$/g, '').replace(/^[^\p{L}\p{N}]+/u, '') || 'files'
    : folder;
}
