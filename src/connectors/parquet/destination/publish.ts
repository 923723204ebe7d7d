import { existsSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { assertLoss, keyColumns, ownColumns, type Session, sameKey } from '../../../connector-kit/duckdb/index.ts';
import type { ConnectorContext, LoadPlan, LossGuard, PublishCounts } from '../../../connector-kit/index.ts';
import { emptySum } from '../../../formats/index.ts';
import { guardFileColumns, type PartFiles } from './column-loss.ts';
import { replaceLink } from './durable-files.ts';
import { type GenerationPlace, generationOf, STATE_FOLDER, type TablePlace } from './layout.ts';
import { listColumns } from './part-files.ts';
import { formatOf, readParts } from './part-format.ts';
import {
  type Current,
  columnsOf,
  findCurrent,
  holdFence,
  listFolder,
  type Manifest,
  readCurrent,
  writeManifest,
} from './table-state.ts';

/** The counts of the plan's publication, or null while another generation is the one that readers see. */
export async function findPublication(place: TablePlace, plan: LoadPlan): Promise<PublishCounts | null> {
  const current = await findCurrent(place);
  return current?.name === generationOf(place, plan).name ? current.manifest.counts : null;
}

/** See `Load.publish`: guard first, then the manifest, then one rename of a link, which is the publication. */
export async function publishGeneration(
  session: Session,
  place: TablePlace,
  plan: LoadPlan,
  guard: LossGuard,
  failpoint: ConnectorContext['failpoint'],
): Promise<PublishCounts> {
  const before = await findPublication(place, plan);
  if (before !== null) return before;
  await holdFence(place, plan);
  const generation = generationOf(place, plan);
  const live = await findCurrent(place);
  const names = (await listFolder(generation.folder)).filter((name) => formatOf(name) !== null);
  const incoming = { paths: names.map((name) => join(generation.folder, name)), columns: listColumns(plan) };
  const from = readParts(incoming.paths, incoming.columns);
  const records = await count(session, from);
  const deleted = live === null ? 0 : await countLost(session, plan, live, { from, records, guard });
  if (live !== null) {
    assertLoss(plan, guard, deleted, live.manifest.records);
    await guardValues(session, plan, live, incoming, guard);
  }
  const counts = { inserted: records, updated: 0, unchanged: 0, deleted, rejects: [], rejected: emptySum(false) };
  await writeManifest(generation, await describe(plan, generation, { names, counts, previous: live?.name ?? null }));
  failpoint('parquet-before-publish');
  await replaceLink(place.current, `${STATE_FOLDER}/${generation.name}`, join(place.state, 'current.next'));
  failpoint('parquet-after-publish');
  return counts;
}

/** Not where somebody removed the live files. */
async function guardValues(
  session: Session,
  plan: LoadPlan,
  live: Current,
  incoming: PartFiles,
  guard: LossGuard,
): Promise<void> {
  const paths = live.manifest.files.map(({ name }) => join(live.folder, name));
  if (!paths.every((path) => existsSync(path))) return;
  const before = { records: live.manifest.records, paths, columns: columnsOf(live.manifest) };
  await guardFileColumns(session, plan, before, incoming, guard);
}

/** From so many records on keys are not compared where any loss is allowed: that takes longer than all the rest. */
const MANY_RECORDS = 100_000;

/** By key where both generations have it, else the drop in number, as where somebody removed the live files. */
async function countLost(
  session: Session,
  plan: LoadPlan,
  live: Current,
  incoming: { readonly from: string; readonly records: number; readonly guard: LossGuard },
): Promise<number> {
  const keys = keyColumns(plan);
  const hadKey = keys.every(({ name, type }) =>
    live.manifest.columns.some((column) => column.name === name && column.type === type),
  );
  const livePaths = live.manifest.files.map(({ name }) => join(live.folder, name));
  const isAllowed = incoming.guard.maxLossPercent >= 100 && live.manifest.records >= MANY_RECORDS;
  if (isAllowed || keys.length === 0 || !hadKey || !livePaths.every((path) => existsSync(path)))
    return Math.max(0, live.manifest.records - incoming.records);
  const isKept = `EXISTS (SELECT 1 FROM ${incoming.from} AS s WHERE ${sameKey(keys, 's', 'l')})`;
  return count(session, `${readCurrent(live)} AS l WHERE NOT ${isKept}`);
}

async function describe(
  plan: LoadPlan,
  generation: GenerationPlace,
  found: { readonly names: readonly string[]; readonly counts: PublishCounts; readonly previous: string | null },
): Promise<Manifest> {
  const { syncId, schemaId, executionId, stampedAt, columns } = plan;
  const sizes = found.names.map(async (name) => ({ name, bytes: (await stat(join(generation.folder, name))).size }));
  return {
    version: 1,
    owner: { syncId, schemaId },
    executionId,
    generation: plan.generation,
    stampedAt,
    records: found.counts.inserted,
    columns: columns.map(({ name, type, isKey }) => ({ name, type, isKey })),
    ownColumns: ownColumns(plan).map(({ name, type }) => ({ name, type })),
    files: await Promise.all(sizes),
    previous: found.previous,
    counts: found.counts,
  };
}

async function count(session: Session, from: string): Promise<number> {
  const [row] = await session.rows(`SELECT count(*) AS records FROM ${from}`);
  return Number(row?.records);
}
