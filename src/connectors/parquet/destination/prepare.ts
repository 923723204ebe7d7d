import { lstat, mkdir, rm } from 'node:fs/promises';
import { dirname, join, relative, sep } from 'node:path';
import { assertDistinctNames } from '../../../connector-kit/duckdb/index.ts';
import type { LoadPlan } from '../../../connector-kit/index.ts';
import { SyncError } from '../../../core/index.ts';
import { isMissing, syncToDisk } from './durable-files.ts';
import { generationOf, ownerHash, parseGeneration, STATE_FOLDER, type TablePlace } from './layout.ts';
import { findCurrent, hasForeignFiles, listFolder, type Owner, readTable, writeTable } from './table-state.ts';

/** See `Load.prepare`. */
export async function prepareTable(place: TablePlace, plan: LoadPlan): Promise<void> {
  if (plan.kind !== 'replace')
    throw new SyncError('INTERNAL', `A Parquet folder was asked to ${plan.kind} ${plan.schemaId}. Report it.`);
  assertDistinctNames(plan);
  await refusePlace(place, plan);
  await claimTable(place, plan);
  await dropGenerations(place, plan, plan.generation - 1);
  const generation = generationOf(place, plan);
  if ((await findCurrent(place))?.name === generation.name) return;
  await mkdir(generation.folder, { recursive: true });
  await mkdir(generation.loading, { recursive: true });
  await syncToDisk(place.state);
}

/** Removes every generation of this owner up to one, except what readers see or may still be reading. */
export async function dropGenerations(place: TablePlace, owner: Owner, upTo: number): Promise<void> {
  const current = await findCurrent(place);
  const kept = new Set([current?.name, current?.manifest.previous]);
  const record = await readTable(place);
  const isOwner = record?.owner.syncId === owner.syncId && record.owner.schemaId === owner.schemaId;
  for (const entry of await listFolder(place.state)) {
    const found = parseGeneration(entry);
    if (found === null || (!found.isLoading && kept.has(found.name))) continue;
    const isOurs = found.hash === ownerHash(owner);
    // What an earlier owner left is its successor's to remove.
    if (isOurs ? found.generation > upTo : !isOwner) continue;
    await rm(join(place.state, entry), { recursive: true, force: true });
  }
}

/** With `adopt`, the engine has made sure that the owner's sync is gone. */
async function claimTable(place: TablePlace, plan: LoadPlan): Promise<void> {
  const record = await readTable(place);
  const isOurs = record?.owner.syncId === plan.syncId && record.owner.schemaId === plan.schemaId;
  if (!isOurs && !plan.adopt) await refuseOthers(place, plan, record?.owner ?? null);
  if (isOurs && record.generation > plan.generation) {
    throw new SyncError('FENCE_LOST', `Loading ${plan.schemaId} stopped: a later load of it has begun.`);
  }
  await mkdir(place.state, { recursive: true });
  if (!isOurs || record.generation < plan.generation) await writeTable(place, plan);
  await syncToDisk(dirname(place.folder));
}

async function refuseOthers(place: TablePlace, plan: LoadPlan, owner: Owner | null): Promise<void> {
  if (owner === null) {
    if (!(await hasForeignFiles(place))) return;
    throw new SyncError(
      'TABLE_NOT_OURS',
      `The folder ${place.folder} holds files that Millrace did not make. Set adopt in the sync's settings to write beside them, or choose another output name.`,
    );
  }
  const isLoading = (await listFolder(place.state)).some((entry) => parseGeneration(entry)?.isLoading === true);
  if ((await findCurrent(place)) === null && !isLoading) return;
  throw new SyncError(
    'TABLE_OWNED',
    `The table ${plan.table.name} in ${place.root} is written by the sync ${owner.syncId} (its schema ${owner.schemaId}). Choose another output name or destination schema; if that sync is gone, set adopt.`,
    { detail: { syncId: owner.syncId, schemaId: owner.schemaId } },
  );
}

/** No table lies inside another, and nothing of ours is written through somebody's link. @throws `TABLE_DIFFERS` */
export async function refusePlace(place: TablePlace, plan: LoadPlan): Promise<void> {
  const inside = relative(place.root, place.folder).split(sep);
  const folders = inside.map((_, depth) => join(place.root, ...inside.slice(0, depth + 1)));
  for (const folder of [...folders, place.state]) {
    const found = await kindOf(folder);
    if (found !== null && found !== 'folder') throw differs(plan, `${folder} is a ${found}`);
  }
  if (!['link', null].includes(await kindOf(place.current))) throw differs(plan, `${place.current} is not ours`);
  for (const folder of [place.root, ...folders.slice(0, -1)]) {
    if (await isTable(folder)) throw differs(plan, `${folder} is the folder of another table`);
  }
  for (const name of await listFolder(place.folder)) {
    if (await isTable(join(place.folder, name))) throw differs(plan, `${place.folder} is the folder of a schema`);
  }
}

async function isTable(folder: string): Promise<boolean> {
  return (await kindOf(join(folder, STATE_FOLDER, 'table.json'))) !== null;
}

async function kindOf(path: string): Promise<'folder' | 'link' | 'file' | null> {
  try {
    const found = await lstat(path);
    if (found.isDirectory()) return 'folder';
    return found.isSymbolicLink() ? 'link' : 'file';
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
}

function differs(plan: LoadPlan, why: string): SyncError {
  return new SyncError(
    'TABLE_DIFFERS',
    `The table ${plan.table.name} cannot take the records of ${plan.schemaId}: ${why}. Choose another output name or destination schema.`,
  );
}
