import type { Checkpoint } from '../../connector-kit/index.ts';
import { serializeError } from '../../core/index.ts';
import type { EngineParts } from '../engine-parts.ts';
import type { ReadsOf } from '../receipts/schema-receipt.ts';
import { requireSnapshot } from './reading.ts';
import type { SchemaToFinish } from './schema-to-finish.ts';

/**
 * Where the next delta begins. Planning leaves it open where finding it means to read the whole table: then it follows from
 * what was read, or is found here, beside the publication. It never fails: without an answer the next execution begins where
 * this one did.
 */
export async function findNextCursor(
  parts: EngineParts,
  { run, specs, item, plan, snapshotEpoch }: SchemaToFinish,
  { highest }: Pick<ReadsOf, 'highest'>,
  stop: AbortSignal,
): Promise<Checkpoint | null> {
  const { schema, tracking } = plan;
  const field = schema.fields.find(({ id }) => id === tracking?.field);
  if (plan.isNextCursorOpen !== true || field === undefined) return plan.nextCursor;
  try {
    const snapshot = await requireSnapshot(parts, item, snapshotEpoch, stop);
    const { source } = specs;
    const job = { kind: 'planTracking', source, request: { schema, field, snapshot, highest } } as const;
    return (await parts.threads.run(job, source.readOwner ?? null, stop)).next;
  } catch (error) {
    if (stop.aborted) return plan.nextCursor;
    const facts = { executionId: item.executionId, syncId: run.sync.id, schemaId: item.schemaId };
    const { code, message } = serializeError(error);
    parts.log.info({ ...facts, code }, `The next execution begins where this one did: ${message}`);
    return plan.nextCursor;
  }
}
