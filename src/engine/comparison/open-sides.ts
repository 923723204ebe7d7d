import { randomUUID } from 'node:crypto';
import type { EngineParts } from '../engine-parts.ts';
import { obfuscationOf, requireSnapshot, toReadRequest } from '../lanes/reading.ts';
import type { SchemaToFinish } from '../lanes/schema-to-finish.ts';
import { measureLook } from '../measuring.ts';
import { type SchemaPlan, toLoadPlan } from '../planner/schema-plan.ts';
import type { ComparedSides } from './compare-schema.ts';

const CLOSE_TIMEOUT_MS = 10_000;

/** Both sides of a schema, open to be looked at. */
export interface OpenSides extends ComparedSides, AsyncDisposable {
  /** What of the destination could not be compared as it is. */
  readonly notes: readonly string[];
}

/**
 * Opens one image of the destination; the source is read in the execution's own snapshot.
 * @throws `TABLE_DIFFERS` when there is nothing to compare with; on a look, `SNAPSHOT_LOST`
 */
export async function openSidesOf(parts: EngineParts, todo: SchemaToFinish, stop: AbortSignal): Promise<OpenSides> {
  const { specs, item, plan } = todo;
  const { destination, ownerKey } = specs;
  const load = toLoadPlan(plan, {
    syncId: todo.run.sync.id,
    executionId: item.executionId,
    generation: item.generation,
  });
  const image = randomUUID();
  const notes = await parts.threads.run({ kind: 'openImage', destination, load, image }, ownerKey, stop);
  return {
    notes,
    async lookAtSource(segment, question) {
      const snapshot = await requireSnapshot(parts, item, todo.snapshotEpoch, stop);
      // A comparison is about all records, also when the load was about the changed ones only.
      const whole: SchemaPlan = { ...plan, from: null };
      const job = {
        kind: 'lookAtSource',
        source: specs.source,
        load,
        read: toReadRequest(whole, segment, snapshot, specs),
        obfuscation: obfuscationOf(parts, todo.run, plan),
        question,
      } as const;
      const look = await parts.threads.run(job, specs.source.readOwner ?? null, stop);
      measureLook(parts, todo.run, { recordsRead: look.sum.records, bytesRead: look.bytes });
      return look;
    },
    lookAtImage: (range, question) =>
      parts.threads.run({ kind: 'lookAtImage', destination, load, image, range, question }, ownerKey, stop),
    async [Symbol.asyncDispose]() {
      const signal = AbortSignal.timeout(CLOSE_TIMEOUT_MS);
      // A thread that is gone has taken it along; what else is left goes with the execution's connections.
      await parts.threads.run({ kind: 'closeImage', destination, image }, ownerKey, signal).catch(() => {});
    },
  };
}
