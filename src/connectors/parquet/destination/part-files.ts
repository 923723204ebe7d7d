import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type CollectedRecords,
  digest,
  inRange,
  ownColumns,
  quoteName,
  quotePath,
  quoteText,
  type Session,
} from '../../../connector-kit/duckdb/index.ts';
import type { LoadPlan, SegmentRange } from '../../../connector-kit/index.ts';
import type { RangeSum } from '../../../core/index.ts';
import { emptySum } from '../../../formats/index.ts';
import { syncToDisk } from './durable-files.ts';
import type { GenerationPlace } from './layout.ts';
import { listFolder, listParts } from './table-state.ts';

/**
 * Row groups of DuckDB's own size, closed earlier where records are wide, so that writing one stays within the memory
 * limit. The file's name is ours already, so DuckDB needs none of its own.
 */
const FORMAT = `FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 122880, ROW_GROUP_SIZE_BYTES '32MB', USE_TMP_FILE false`;

/** Writes a segment's records with Millrace's own columns behind them, and returns their number. */
export function writePart(
  session: Session,
  plan: LoadPlan,
  path: string,
  { values, from }: CollectedRecords,
): Promise<number> {
  const data = plan.columns.map(({ name }) => quoteName(name));
  const own = ownColumns(plan).map(({ name, value }) => named(value, name));
  const records = `(SELECT ${values} FROM ${from}) AS r(${data.join(', ')})`;
  return copyTo(session, path, `SELECT ${[...data, ...own].join(', ')} FROM ${records}`);
}

/** Removes the files of segments that were not committed; a table without records gets one file, for its columns. */
export async function completeParts(session: Session, plan: LoadPlan, generation: GenerationPlace): Promise<void> {
  const parts = new Set(await listParts(generation));
  const empty = `${generation.name}-empty.parquet`;
  for (const name of await listFolder(generation.folder)) {
    if (name.endsWith('.parquet') && !parts.has(name)) await rm(join(generation.folder, name));
  }
  if (parts.size === 0) {
    const columns = [...plan.columns, ...ownColumns(plan)];
    const nulls = columns.map(({ name, type }) => named(`CAST(NULL AS ${type})`, name));
    await copyTo(session, join(generation.folder, empty), `SELECT ${nulls.join(', ')} WHERE false`);
    await syncToDisk(join(generation.folder, empty));
  }
  await syncToDisk(generation.folder);
}

/** Count and hash sum of a generation's committed files, read back from them. */
export async function digestParts(
  session: Session,
  plan: LoadPlan,
  generation: GenerationPlace,
  { range, countsOnly }: { readonly range: SegmentRange | null; readonly countsOnly: boolean },
): Promise<RangeSum> {
  const parts = await listParts(generation);
  if (parts.length === 0) return emptySum(countsOnly);
  const paths = parts.map((name) => join(generation.folder, name));
  const conditions = ['true', ...(range === null ? [] : inRange(plan, range))];
  return digest(session, plan, `${readParts(paths)} AS r WHERE ${conditions.join(' AND ')}`, countsOnly);
}

/** A table function over Parquet files; the names of folders above them are no columns. */
export function readParts(paths: readonly string[]): string {
  return `read_parquet([${paths.map(quotePath).join(', ')}], hive_partitioning = false)`;
}

async function copyTo(session: Session, path: string, select: string): Promise<number> {
  return session.run(`COPY (${select}) TO ${quoteText(path)} (${FORMAT})`);
}

function named(sql: string, name: string): string {
  return `${sql} AS ${quoteName(name)}`;
}
