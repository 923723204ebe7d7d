import type { SegmentRange, SnapshotRef } from '../../connector-kit/index.ts';
import { isAbort, SyncError, serializeError } from '../../core/index.ts';
import {
  type CompletedPackSchema,
  claimPack,
  completePack,
  type PackedSchema,
  type Run,
  releasePack,
} from '../../store/index.ts';
import { type EngineParts, type RunSpecs, retryStore } from '../engine-parts.ts';
import { measurePublication, measureRead, measureTimes } from '../measuring.ts';
import type { PackedTable, PackResult } from '../pipeline/jobs.ts';
import { type SchemaPlan, toLoadPlan } from '../planner/schema-plan.ts';
import { issueReceipt, sumReads } from '../receipts/schema-receipt.ts';
import { inSpan } from '../tracing.ts';
import type { Watch } from '../workers/cancellation.ts';
import { countWarnings, describePublication } from './finish-schema.ts';
import type { LaneClock } from './lane-clock.ts';
import { narrowIfFull } from './lane-scene.ts';
import { obfuscationOf, toReadRequest } from './reading.ts';

/** Long enough that what a transaction costs is shared by many, short enough for a cancel to wait and for lanes to share. */
const PACK_SIZE = 50;

/** What of a lane its packs need. */
export interface PackLane {
  readonly parts: EngineParts;
  readonly run: Run;
  readonly specs: RunSpecs;
  readonly laneId: string;
  readonly stop: AbortSignal;
  readonly watch: Watch;
  readonly clock: LaneClock;
}

/** One schema of the pack with its plan. */
interface Member {
  readonly schema: PackedSchema;
  readonly plan: SchemaPlan;
  readonly snapshot: SnapshotRef;
}

/**
 * Claims small schemas and does their whole work at once: their records are loaded, proved, published and recorded in a
 * few transactions for all of them. It is the way for what goes well. After a failure, and for each schema that needs
 * more, the items are given back; then they are worked on one by one, which asks the destination first what the pack
 * has committed, and says what is wrong with which schema.
 * @param remember told about each schema that is begun
 * @returns false when none waits
 */
export async function workOnPack(
  lane: PackLane,
  remember: (schema: PackedSchema, plan: SchemaPlan) => void,
): Promise<boolean> {
  const { parts, run, specs, laneId, stop, clock } = lane;
  const owner = { executionId: run.execution.id, laneId, workerId: parts.workerId };
  const claimed = specs.ownerKey === null ? await claim(lane, owner) : [];
  if (claimed.length === 0) return false;
  const attempt = clock.attempt();
  let done: ReadonlySet<string> = new Set();
  try {
    const members = await toMembers(lane, claimed);
    for (const { schema, plan } of members) remember(schema, plan);
    const attributes = { 'millrace.pack.schemas': members.length };
    done = await inSpan('pack.load', run.execution, attributes, () => load(lane, members));
  } catch (error) {
    using _lost = attempt;
    narrowIfFull(lane, error);
    if (!stop.aborted) explain(lane, claimed, error);
  }
  // What is stopped stays this lane's: whoever goes on with it asks the destination first.
  if (stop.aborted) return true;
  const left = claimed.filter(({ schemaId }) => !done.has(schemaId));
  await retryStore(() => releasePack(parts.store.db, parts.workerId, left), stop);
  return true;
}

function claim({ parts, stop }: PackLane, owner: Parameters<typeof claimPack>[1]): Promise<readonly PackedSchema[]> {
  return retryStore(() => claimPack(parts.store, owner, PACK_SIZE), stop);
}

/** @throws `SNAPSHOT_LOST` */
async function toMembers({ parts, stop }: PackLane, claimed: readonly PackedSchema[]): Promise<readonly Member[]> {
  const snapshots = new Map<number, SnapshotRef>();
  for (const { executionId, snapshotEpoch } of claimed) {
    if (snapshots.has(snapshotEpoch)) continue;
    const found = await retryStore(() => parts.snapshots.join(executionId, snapshotEpoch, stop), stop);
    if (found !== null) snapshots.set(snapshotEpoch, found);
  }
  return claimed.map((schema) => {
    const snapshot = snapshots.get(schema.snapshotEpoch);
    if (snapshot === undefined)
      throw new SyncError('SNAPSHOT_LOST', 'The snapshot of a pack of schemas ended with the process that held it.');
    // Written by planExecution of this build's protocol.
    return { schema, plan: schema.plan as SchemaPlan, snapshot };
  });
}

/** Ids of the schemas that are completed. A schema that is cancelled by itself stops the whole pack. */
async function load(lane: PackLane, members: readonly Member[]): Promise<ReadonlySet<string>> {
  const { parts, specs, watch } = lane;
  const stop = AbortSignal.any([lane.stop, ...members.map(({ schema }) => watch.signalOf(schema.schemaId))]);
  const tables = members.map((member) => toTable(lane, member));
  const { source, destination } = specs;
  const { timing, ...result } = await parts.threads.run({ kind: 'pack', source, destination, tables }, null, stop);
  lane.clock.add(timing);
  const done = await complete(lane, members, result);
  parts.failpoint('pack-completed');
  const published = tables.filter(({ load: { schemaId } }) => done.has(schemaId));
  if (published.length > 0) await discard(lane, published);
  return done;
}

function toTable({ parts, run, specs }: PackLane, { schema, plan, snapshot }: Member): PackedTable {
  const { executionId, generation, read } = schema;
  return {
    load: toLoadPlan(plan, { syncId: run.sync.id, executionId, generation }),
    // Written by planSegments of the source's connector and stored untouched.
    read: toReadRequest(plan, read.range as SegmentRange, snapshot, specs),
    segment: { no: read.no, token: read.token },
    countsOnly: plan.depth === 'counts',
    obfuscation: obfuscationOf(parts, run, plan),
  };
}

async function complete(
  lane: PackLane,
  members: readonly Member[],
  { tables }: PackResult,
): Promise<ReadonlySet<string>> {
  const { parts, run, clock, stop } = lane;
  const schemas = members.flatMap((member, index) => {
    const result = tables[index] ?? null;
    return result === null ? [] : [toCompleted(member, result)];
  });
  const timing = clock.take();
  const { organizationId, id: executionId } = run.execution;
  const pack = { executionId, organizationId, syncId: run.sync.id, workerId: parts.workerId, timing, schemas };
  const done = await retryStore(() => completePack(parts.store, pack), stop);
  measureTimes(parts, timing);
  for (const { schema, receipt, progress } of schemas) {
    if (!done.has(schema.schemaId)) continue;
    measureRead(parts, run, { recordsRead: progress.records, bytesRead: progress.bytes });
    measurePublication(parts, run, receipt);
    // Written by planExecution of this build's protocol.
    describePublication(parts, { item: schema, plan: schema.plan as SchemaPlan }, receipt);
  }
  return done;
}

function toCompleted(
  { schema, plan, snapshot }: Member,
  { read, finish }: NonNullable<PackResult['tables'][number]>,
): CompletedPackSchema {
  const reads = sumReads([{ range: schema.read.range, outcome: read }]);
  return {
    schema,
    outcomes: { read, finish: finish.counts },
    progress: { records: read.recordsRead, bytes: read.bytesRead },
    receipt: issueReceipt(plan, snapshot.position, reads, finish),
    warningCount: countWarnings(plan),
    nextCursor: plan.nextCursor,
    shape: plan.shape,
    revision: plan.revision,
    seen: plan.seen,
  };
}

/** What cannot be dropped now is dropped by the next generation's `prepare`. */
async function discard({ parts, run, specs, clock, stop }: PackLane, tables: readonly PackedTable[]): Promise<void> {
  const job = { kind: 'discardPack', destination: specs.destination, tables } as const;
  try {
    clock.add((await parts.threads.run(job, null, stop)).timing);
  } catch (error) {
    if (stop.aborted) return;
    const facts = { executionId: run.execution.id, syncId: run.sync.id };
    parts.log.warn(facts, `Leftovers of loads stay until the next execution: ${serializeError(error).message}`);
  }
}

/** Nothing is lost: what is wrong shows up again, with the schema that it is about. */
function explain({ parts, run }: PackLane, claimed: readonly PackedSchema[], error: unknown): void {
  if (isAbort(error)) return;
  const { code, message } = serializeError(error);
  parts.log.info(
    { executionId: run.execution.id, syncId: run.sync.id, schemas: claimed.length, code },
    `Schemas are worked on one by one, because together they failed: ${message}`,
  );
}
