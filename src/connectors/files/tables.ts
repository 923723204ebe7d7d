import type { Stats } from 'node:fs';
import { readdir, realpath, stat } from 'node:fs/promises';
import { basename, join, relative, sep } from 'node:path';
import { toSyncError } from '../../connector-kit/duckdb/index.ts';
import { SyncError } from '../../core/index.ts';
import type { Place } from './place.ts';

/** What a connection's files hold. */
export type Format = 'csv' | 'parquet' | 'json';

/** How the files of a connection are read. */
export interface Reading {
  readonly format: Format;
  /** CSV: whether every file's first line holds names; `auto` = it does when its fields could be names. */
  readonly header: boolean | 'auto';
}

/** A table and its files, by their real paths and in order of these. */
export interface FileTable {
  readonly name: string;
  readonly files: readonly string[];
  /** True when folders named `key=value` hold more columns. */
  readonly isPartitioned: boolean;
}

const ENDINGS: Readonly<Record<Format, RegExp>> = {
  csv: /\.(csv|tsv)(\.gz)?$/i,
  parquet: /\.(parquet|pq)$/i,
  json: /\.(json|jsonl|ndjson)(\.gz)?$/i,
};
/** Whether a file of that name holds records of the format; of any where it is none or not chosen yet. */
export function fitsFormat(name: string, format: unknown): boolean {
  const endings = Object.entries(ENDINGS).filter(([key]) => !(String(format) in ENDINGS) || key === format);
  return endings.some(([, ending]) => ending.test(name));
}

/** So many are looked at for each step of an execution. */
const MAX_FILES = 10_000;
const PARTITION = /^[^=]+=/;
/** Where a writer keeps a link to its newest files, beside files that are none of the table's any more. */
const CURRENT = 'current';

/** Every table of a place; none where nothing is there yet. @throws `CONN_PATH_REFUSED` */
export async function listTables(place: Place, format: Format, filesRoot: string): Promise<readonly FileTable[]> {
  const found = await stat(place.path).catch(() => null);
  if (found === null || !isReadable(found)) return [];
  const search = new Search(format, await realpath(filesRoot));
  if (!found.isDirectory()) return [toTable(stem(basename(place.path)), [await search.prove(place.path)], place.path)];
  if (place.pattern !== null) {
    const files = (await search.walk(place.path, place.pattern)).sort();
    return files.length === 0 ? [] : [toTable(place.patternName, files, place.path)];
  }
  return listFolder(place.path, search);
}

/** A folder of one table when it is cut into partitions or has a current state, else of a table for each entry. */
async function listFolder(path: string, search: Search): Promise<readonly FileTable[]> {
  const entries = await search.list(path);
  const isOne = entries.some(({ name, isFolder }) => isFolder && PARTITION.test(name));
  if (isOne || (await findCurrent(entries)) !== undefined) {
    return nonEmpty([toTable(basename(path), (await search.walk(path, null)).sort(), path)]);
  }
  const single = entries.filter(({ name, isFolder }) => !isFolder && search.fits(name));
  const folders = entries.filter(({ isFolder }) => isFolder);
  const tables = [
    ...(await Promise.all(single.map(async (file) => toTable(stem(file.name), [await search.prove(file.path)], path)))),
    ...(await Promise.all(
      folders.map(async (folder) => toTable(folder.name, (await search.walk(folder.path, null)).sort(), folder.path)),
    )),
  ];
  return distinct(nonEmpty(tables));
}

/** Pipes and devices are none of it: whoever opens one may wait for ever. */
function isReadable(found: Stats): boolean {
  return found.isFile() || found.isDirectory();
}

interface Entry {
  readonly name: string;
  readonly path: string;
  readonly isFolder: boolean;
}

/** The folder with a table's current state; one that has such a folder in it is itself a table, called so. */
async function findCurrent(entries: readonly Entry[]): Promise<Entry | undefined> {
  const current = entries.find(({ name, isFolder }) => isFolder && name === CURRENT);
  if (current === undefined) return undefined;
  const inner = await stat(join(current.path, CURRENT)).catch(() => null);
  return inner?.isDirectory() === true ? undefined : current;
}

/** One look at a place. Names that begin with `.` or `_` are what tools keep for themselves. */
class Search {
  readonly #format: Format;
  readonly #root: string;
  #found = 0;

  constructor(format: Format, root: string) {
    this.#format = format;
    this.#root = root;
  }

  fits(name: string): boolean {
    return ENDINGS[this.#format].test(name);
  }

  async list(folder: string): Promise<readonly Entry[]> {
    const names = (
      await readdir(folder).catch((error: unknown) => {
        throw toSyncError(error, 'Listing', folder);
      })
    ).filter((name) => !/^[._]/.test(name));
    const entries = await Promise.all(
      names.map(async (name) => {
        const path = join(folder, name);
        const found = await stat(path).catch(() => null);
        return found === null || !isReadable(found) ? null : { name, path, isFolder: found.isDirectory() };
      }),
    );
    return entries.filter((entry) => entry !== null);
  }

  /** Real paths of the files below a folder: of those whose way there fits `pattern`, or whose ending fits the format. */
  async walk(
    folder: string,
    pattern: RegExp | null,
    base = folder,
    seen: ReadonlySet<string> = new Set(),
  ): Promise<string[]> {
    const real = await this.prove(folder);
    // A link to a folder around it would never end.
    if (seen.has(real)) return [];
    const entries = await this.list(folder);
    const current = pattern === null ? await findCurrent(entries) : undefined;
    const files: string[] = [];
    for (const entry of current === undefined ? entries : [current]) {
      if (entry.isFolder) files.push(...(await this.walk(entry.path, pattern, base, new Set([...seen, real]))));
      else if (pattern === null ? this.fits(entry.name) : pattern.test(toWay(base, entry.path)))
        files.push(await this.prove(entry.path));
    }
    return files;
  }

  /** The real path, which lies inside the root. */
  async prove(path: string): Promise<string> {
    this.#found += 1;
    if (this.#found > MAX_FILES) throw refused(`it leads to more than ${MAX_FILES} files and folders`);
    const real = await realpath(path);
    const inside = relative(this.#root, real);
    if (inside !== '..' && !inside.startsWith(`..${sep}`)) return real;
    throw refused(`${JSON.stringify(basename(path))} is a link that leads out of the folder for files`);
  }
}

function toTable(name: string, files: readonly string[], base: string): FileTable {
  const isPartitioned =
    files.length > 0 &&
    files.every((file) =>
      toWay(base, file)
        .split('/')
        .slice(0, -1)
        .some((part) => PARTITION.test(part)),
    );
  return { name, files, isPartitioned };
}

function nonEmpty(tables: readonly FileTable[]): readonly FileTable[] {
  return tables.filter(({ files }) => files.length > 0);
}

/** `a.csv` beside `a.tsv` or a folder `a`: each keeps its whole name. */
function distinct(tables: readonly FileTable[]): readonly FileTable[] {
  const byName = Map.groupBy(tables, ({ name }) => name.toLowerCase());
  return tables.map((table) => {
    const [file] = table.files;
    const isAlone = byName.get(table.name.toLowerCase())?.length === 1;
    return isAlone || file === undefined || stem(basename(file)) !== table.name
      ? table
      : { ...table, name: basename(file) };
  });
}

function stem(name: string): string {
  return name.replace(/\.gz$/i, '').replace(/(?!^)\.[^.]+$/, '');
}

function toWay(base: string, path: string): string {
  return relative(base, path).split(sep).join('/');
}

function refused(why: string): SyncError {
  return new SyncError(
    'CONN_PATH_REFUSED',
    `The connection's path was refused: ${why}. Name a narrower path inside the folder for files of connections.`,
    { detail: { field: 'path' } },
  );
}
