import { readdir, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { LoadPlan, PublishCounts, SegmentId, SegmentOutcome } from '../../../connector-kit/index.ts';
import { SyncError } from '../../../core/index.ts';
import { isMissing, readJson, replaceJson } from './durable-files.ts';
import { type GenerationPlace, generationOf, parseGeneration, STATE_FOLDER, type TablePlace } from './layout.ts';
import { type PartColumn, readParts } from './part-format.ts';

/** One schema of one sync. */
export interface Owner {
  readonly syncId: string;
  readonly schemaId: string;
}

/** Who writes a table, and the generation that may write. Kept in `.millrace/table.json`. */
export interface TableRecord {
  readonly version: 1;
  readonly owner: Owner;
  readonly generation: number;
}

/** A published generation, described beside its files in `_manifest.json`, for readers as well as for us. */
export interface Manifest {
  readonly version: 1;
  readonly owner: Owner;
  readonly executionId: string;
  readonly generation: number;
  /** Start of the execution, ISO 8601 in UTC. */
  readonly stampedAt: string;
  readonly records: number;
  readonly columns: readonly { readonly name: string; readonly type: string; readonly isKey: boolean }[];
  /** Millrace's own columns behind them; absent in what an older version wrote. */
  readonly ownColumns?: readonly PartColumn[];
  readonly files: readonly { readonly name: string; readonly bytes: number }[];
  /** The generation that it replaced, whose files are kept until the next one is published. */
  readonly previous: string | null;
  readonly counts: PublishCounts;
}

/** The token that may commit a segment, and what was committed. */
interface SegmentRecord {
  readonly token: number;
  readonly outcome: SegmentOutcome | null;
  /** Null for a segment without records. */
  readonly file: string | null;
}

/** What is published now. */
export interface Current {
  readonly name: string;
  readonly folder: string;
  readonly manifest: Manifest;
}

/** Owner and fence, or null for a table that we never wrote. */
export async function readTable(place: TablePlace): Promise<TableRecord | null> {
  // Written by `writeTable`.
  return (await readJson(tableFile(place))) as TableRecord | null;
}

/** Makes the plan's schema the owner, and its generation the only one that may write. */
export async function writeTable(place: TablePlace, plan: LoadPlan): Promise<void> {
  const { syncId, schemaId, generation } = plan;
  await replaceJson(tableFile(place), { version: 1, owner: { syncId, schemaId }, generation } satisfies TableRecord);
}

/** The generation that readers see, or null. */
export async function findCurrent(place: TablePlace): Promise<Current | null> {
  const target = await readlink(place.current).catch((error: unknown) => {
    if (isMissing(error) || isNoLink(error)) return null;
    throw error;
  });
  const [state, name = '', ...rest] = target?.split('/') ?? [];
  if (state !== STATE_FOLDER || rest.length > 0 || parseGeneration(name) === null) return null;
  const folder = join(place.state, name);
  // Written by `writeManifest`.
  const manifest = (await readJson(manifestFile(folder))) as Manifest | null;
  return manifest === null ? null : { name, folder, manifest };
}

/** What stands behind FROM: the published files. */
export function readCurrent({ folder, manifest }: Current): string {
  const paths = manifest.files.map(({ name }) => join(folder, name));
  return readParts(paths, columnsOf(manifest));
}

/** The columns of a generation's files, in their order. */
export function columnsOf({ columns, ownColumns = [] }: Manifest): readonly PartColumn[] {
  return [...columns, ...ownColumns];
}

/** Describes a generation beside its files. */
export async function writeManifest(generation: GenerationPlace, manifest: Manifest): Promise<void> {
  await replaceJson(manifestFile(generation.folder), manifest);
}

/** True when something of somebody else is in the table's folder. */
export async function hasForeignFiles(place: TablePlace): Promise<boolean> {
  return (await listFolder(place.folder)).some((name) => name !== STATE_FOLDER);
}

/** Names in a folder, none where it does not exist. */
export async function listFolder(folder: string): Promise<readonly string[]> {
  return readdir(folder).catch((error: unknown) => {
    if (isMissing(error)) return [];
    throw error;
  });
}

/** @throws `FENCE_LOST` unless the plan's generation may write */
export async function holdFence(place: TablePlace, plan: LoadPlan): Promise<void> {
  const record = await readTable(place);
  const isOurs = record?.owner.syncId === plan.syncId && record.owner.schemaId === plan.schemaId;
  if (!isOurs || record.generation !== plan.generation) throw fenceLost(plan, 'a later load of it has begun');
}

/** Lets this token commit the segment and all earlier ones no more. @throws `FENCE_LOST` when it is too late for it */
export async function raiseToken(place: TablePlace, plan: LoadPlan, { no, token }: SegmentId): Promise<void> {
  await holdFence(place, plan);
  const { loading } = generationOf(place, plan);
  const record = await readSegment(loading, no);
  if (record !== null && (record.outcome !== null || record.token > token)) {
    throw fenceLost(plan, `segment ${no} was taken over or is committed`);
  }
  // Whoever held an older token is gone after a power cut, so this need not outlast one.
  await replaceJson(segmentFile(loading, no), { token, outcome: null, file: null } satisfies SegmentRecord, false);
}

/** @throws `FENCE_LOST` when a later token or generation has begun */
export async function holdToken(place: TablePlace, plan: LoadPlan, { no, token }: SegmentId): Promise<void> {
  await holdFence(place, plan);
  const record = await readSegment(generationOf(place, plan).loading, no);
  if (record?.token !== token || record.outcome !== null) throw fenceLost(plan, `segment ${no} was taken over`);
}

/** The one step that commits a segment. */
export async function writeOutcome(
  generation: GenerationPlace,
  { no, token }: SegmentId,
  outcome: SegmentOutcome,
  file: string | null,
): Promise<void> {
  await replaceJson(segmentFile(generation.loading, no), { token, outcome, file } satisfies SegmentRecord);
}

/** What the segment's commit left, or null. */
export async function findOutcome(generation: GenerationPlace, no: number): Promise<SegmentOutcome | null> {
  return (await readSegment(generation.loading, no))?.outcome ?? null;
}

/** Names of the files of committed segments, in their order. */
export async function listParts(generation: GenerationPlace): Promise<readonly string[]> {
  const numbers = (await listFolder(generation.loading))
    .flatMap((name) => /^(\d+)\.json$/.exec(name)?.[1] ?? [])
    .map(Number)
    .sort((a, b) => a - b);
  const parts: string[] = [];
  for (const no of numbers) {
    const record = await readSegment(generation.loading, no);
    if (record?.outcome != null && record.file !== null) parts.push(record.file);
  }
  return parts;
}

async function readSegment(loading: string, no: number): Promise<SegmentRecord | null> {
  // Written by `raiseToken` and `writeOutcome`.
  return (await readJson(segmentFile(loading, no))) as SegmentRecord | null;
}

function segmentFile(loading: string, no: number): string {
  return join(loading, `${no}.json`);
}

function tableFile(place: TablePlace): string {
  return join(place.state, 'table.json');
}

/** Tools skip names that begin with an underscore. */
function manifestFile(folder: string): string {
  return join(folder, '_manifest.json');
}

function isNoLink(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'EINVAL';
}

function fenceLost(plan: LoadPlan, why: string): SyncError {
  return new SyncError('FENCE_LOST', `Loading ${plan.schemaId} into ${plan.table.name} stopped: ${why}.`);
}
