import type { ReadRequest, SegmentRange, SnapshotRef } from '../../connector-kit/index.ts';
import { SyncError } from '../../core/index.ts';
import type { Run, WorkItem } from '../../store/index.ts';
import { type EngineParts, type RunSpecs, retryStore } from '../engine-parts.ts';
import type { Obfuscation } from '../pipeline/jobs.ts';
import type { SchemaPlan } from '../planner/schema-plan.ts';

/** The image that a schema is read from. @throws `SNAPSHOT_LOST` */
export async function requireSnapshot(
  parts: EngineParts,
  item: Pick<WorkItem, 'executionId' | 'schemaId'>,
  epoch: number,
  stop: AbortSignal,
): Promise<SnapshotRef> {
  const snapshot = await retryStore(() => parts.snapshots.join(item.executionId, epoch, stop), stop);
  if (snapshot !== null) return snapshot;
  throw new SyncError('SNAPSHOT_LOST', `The snapshot of ${item.schemaId} ended with the processes that held it.`);
}

/**
 * What the source is asked for one segment.
 * @param keeper whose destination keeps a session open for what is read; absent where nobody does
 */
export function toReadRequest(
  plan: SchemaPlan,
  range: SegmentRange,
  snapshot: SnapshotRef,
  keeper?: Pick<RunSpecs, 'source' | 'destination'>,
): ReadRequest {
  const { schema, format, readFormat = format, fields, from, filters } = plan;
  const isAwaited = keeper !== undefined && keeper.source.type === keeper.destination.type;
  return { schema, format: readFormat, fields, range, snapshot, from, filters, isAwaited };
}

/** Which fields become hashes on the way; null where none does. */
export function obfuscationOf(
  parts: EngineParts,
  run: Pick<Run, 'execution'>,
  { fields, obfuscated }: SchemaPlan,
): Obfuscation | null {
  if (obfuscated.length === 0) return null;
  const positions = fields.flatMap(({ id }, position) => (obfuscated.includes(id) ? [position] : []));
  return { positions, key: parts.store.obfuscationKeyOf(run.execution.organizationId) };
}
