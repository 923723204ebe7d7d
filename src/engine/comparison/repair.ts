import type { LoadPlan, Reject, SegmentOutcome } from '../../connector-kit/index.ts';
import { SyncError } from '../../core/index.ts';
import { nextGenerations } from '../../store/index.ts';
import { type EngineParts, retryStore } from '../engine-parts.ts';
import { obfuscationOf, requireSnapshot, toReadRequest } from '../lanes/reading.ts';
import { withinRoom } from '../lanes/reject-limits.ts';
import type { SchemaToFinish } from '../lanes/schema-to-finish.ts';
import { measureRead, measureRepair } from '../measuring.ts';
import type { ExpectedRange } from '../pipeline/jobs.ts';
import { type SchemaPlan, toLoadPlan } from '../planner/schema-plan.ts';
import type { DifferingRange } from './compare-schema.ts';

const DISCARD_TIMEOUT_MS = 30_000;

/** What a repair has done. */
export interface Repair {
  /** Of the small load that it was. */
  readonly generation: number;
  /** Records that the destination refused, too, when they came one by one. */
  readonly rejects: readonly Reject[];
}

/** What is to be repaired. */
export interface RecordsToRepair {
  readonly ranges: readonly DifferingRange[];
  /** So many records may the destination refuse. */
  readonly room: number;
}

const UNCHANGED = 'What was loaded is published, and the records that differ are not repaired.';

/**
 * Makes the destination's table equal to the source in the records that differ, and touches no others: a small load of its
 * own generation, of which the publication removes what is extra and writes the rest, in one fenced transaction.
 * Repeatable: what an attempt has left is dropped by the next one.
 * @throws `LOSS_GUARD`, `FENCE_LOST`, `SNAPSHOT_LOST`
 */
export async function repairRecords(
  parts: EngineParts,
  todo: SchemaToFinish,
  { ranges, room }: RecordsToRepair,
  stop: AbortSignal,
): Promise<Repair> {
  const { run, specs, item, plan } = todo;
  const generations = await retryStore(() => nextGenerations(parts.store.db, run.sync.id, [item.schemaId]), stop);
  const generation = generations.get(item.schemaId);
  if (generation === undefined)
    throw new SyncError('SOURCE_CHANGED', `The schema ${item.schemaId} was removed from the sync meanwhile.`);
  const ids = { syncId: run.sync.id, executionId: item.executionId, generation };
  const load: LoadPlan = { ...toLoadPlan(plan, ids), kind: 'delta', removals: listExtra(ranges) };
  try {
    return { generation, rejects: await writeRecords(parts, todo, { load, ranges, room }, stop) };
  } finally {
    // What cannot be dropped now is dropped when the schema is next loaded.
    const job = { kind: 'discard', destination: specs.destination, load } as const;
    await parts.threads.run(job, specs.ownerKey, AbortSignal.timeout(DISCARD_TIMEOUT_MS)).catch(() => {});
  }
}

async function writeRecords(
  parts: EngineParts,
  todo: SchemaToFinish,
  { load, ranges, room }: RecordsToRepair & { readonly load: LoadPlan },
  stop: AbortSignal,
): Promise<readonly Reject[]> {
  const { destination, ownerKey } = todo.specs;
  await parts.threads.run({ kind: 'prepare', destination, load }, ownerKey, stop);
  const { expected, rejects } = await readMissing(parts, todo, { load, ranges, room }, stop);
  parts.failpoint('before-repair');
  const publication = {
    kind: 'finish',
    destination,
    load,
    countsOnly: false,
    expected,
    // Whoever asked compares the whole table again, and names what still differs.
    isRepaired: true,
  } as const;
  const { maxLossPercent } = todo.plan;
  const left = { item: todo.item, room: room - rejects.length, unchanged: UNCHANGED };
  const { counts } = await withinRoom(left, (maxRejects) =>
    parts.threads.run({ ...publication, guard: { maxLossPercent, maxRejects } }, ownerKey, stop),
  );
  parts.failpoint('repaired');
  const refused = [...rejects, ...counts.rejects];
  const { inserted, updated, deleted } = counts;
  measureRepair(parts, todo.run, { written: inserted + updated, deleted, rejected: refused.length });
  return refused;
}

function listExtra(ranges: readonly DifferingRange[]): NonNullable<LoadPlan['removals']> {
  return ranges.flatMap(({ records }) =>
    records.flatMap(({ kind, key }) => (kind === 'extra' && key !== null ? [key] : [])),
  );
}

/** Stages what the destination lacks or has otherwise, from the snapshot that was compared. */
async function readMissing(
  parts: EngineParts,
  todo: SchemaToFinish,
  { load, ranges, room }: RecordsToRepair & { readonly load: LoadPlan },
  stop: AbortSignal,
): Promise<{ readonly expected: readonly ExpectedRange[]; readonly rejects: readonly Reject[] }> {
  const { run, specs, item, plan } = todo;
  const expected: ExpectedRange[] = [];
  const rejects: Reject[] = [];
  for (const { segments, records } of ranges) {
    const only = records.flatMap(({ kind, keyHash }) => (kind === 'extra' ? [] : [keyHash]));
    if (only.length === 0) continue;
    for (const range of segments) {
      const whole: SchemaPlan = { ...plan, from: null };
      const job = {
        kind: 'segment',
        source: specs.source,
        destination: specs.destination,
        load,
        read: toReadRequest(whole, range, await requireSnapshot(parts, item, todo.snapshotEpoch, stop), specs),
        segment: { no: expected.length + 1, token: 1 },
        isolate: false,
        countsOnly: false,
        obfuscation: obfuscationOf(parts, run, plan),
        lookupFirst: false,
        only,
      } as const;
      const left = { item, room: room - rejects.length, unchanged: UNCHANGED };
      const outcome = await withinRoom(left, (maxRejects) =>
        runIsolatedIfRefused({ ...job, maxRejects }, (attempt) => parts.threads.run(attempt, specs.ownerKey, stop)),
      );
      measureRead(parts, run, outcome);
      expected.push({ range: { text: range.text, value: {} }, source: outcome.source });
      rejects.push(...outcome.rejects);
    }
  }
  return { expected, rejects };
}

/** At once, or, where a record is refused, so that the others land. */
async function runIsolatedIfRefused<Job extends { readonly isolate: boolean }>(
  job: Job,
  run: (job: Job) => Promise<SegmentOutcome>,
): Promise<SegmentOutcome> {
  try {
    return await run(job);
  } catch (error) {
    if (!(error instanceof SyncError) || error.kind !== 'data') throw error;
    return run({ ...job, isolate: true });
  }
}
