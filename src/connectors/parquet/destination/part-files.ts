import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type CollectedRecords,
  digest,
  inRange,
  ownColumns,
  quoteName,
  type Session,
} from '../../../connector-kit/duckdb/index.ts';
import type { LoadPlan, SegmentRange } from '../../../connector-kit/index.ts';
import { type RangeSum, SyncError } from '../../../core/index.ts';
import { emptySum } from '../../../formats/index.ts';
import { syncToDisk } from './durable-files.ts';
import type { GenerationPlace } from './layout.ts';
import { formatOf, type PartColumn, type PartFormat, readParts, toCopy } from './part-format.ts';
import { listFolder, listParts } from './table-state.ts';

/** Writes a segment's records with Millrace's own columns behind them, and returns their number. */
export function writePart(
  session: Session,
  plan: LoadPlan,
  { path, format }: { readonly path: string; readonly format: PartFormat },
  { values, from }: CollectedRecords,
): Promise<number> {
  const data = plan.columns.map(({ name }) => quoteName(name));
  const own = ownColumns(plan).map(({ name, value }) => named(value, name));
  const records = `(SELECT ${values} FROM ${from}) AS r(${data.join(', ')})`;
  return session.run(toCopy(format, listColumns(plan), `(SELECT ${['*', ...own].join(', ')} FROM ${records})`, path));
}

/** Removes the files of segments that were not committed; a table without records gets one file, for its columns. */
export async function completeParts(
  session: Session,
  plan: LoadPlan,
  generation: GenerationPlace,
  format: PartFormat,
): Promise<void> {
  const parts = new Set(await listParts(generation));
  if ([...parts].some((name) => formatOf(name) !== format)) throw mixed(plan);
  for (const name of await listFolder(generation.folder)) {
    if (formatOf(name) !== null && !parts.has(name)) await rm(join(generation.folder, name));
  }
  if (parts.size === 0) {
    const empty = join(generation.folder, `${generation.name}-empty.${format}`);
    const columns = listColumns(plan);
    const nulls = columns.map(({ name, type }) => named(`CAST(NULL AS ${type})`, name));
    await session.run(toCopy(format, columns, `(SELECT ${nulls.join(', ')} WHERE false)`, empty));
    await syncToDisk(empty);
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
  return digest(
    session,
    plan,
    `${readParts(paths, listColumns(plan))} AS r WHERE ${conditions.join(' AND ')}`,
    countsOnly,
  );
}

/** The columns of the files that a plan writes, in their order. */
export function listColumns(plan: LoadPlan): readonly PartColumn[] {
  return [...plan.columns, ...ownColumns(plan)];
}

function mixed({ schemaId }: LoadPlan): SyncError {
  return new SyncError(
    'TABLE_DIFFERS',
    `Loading ${schemaId} stopped: the connection got another format after the execution had begun. Start the sync again.`,
  );
}

function named(sql: string, name: string): string {
  return `${sql} AS ${quoteName(name)}`;
}
