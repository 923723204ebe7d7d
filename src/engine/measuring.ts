import type { ExecutionStatus, ExecutionTiming, SchemaReceipt, SchemaStatus, TimeParts } from '../core/index.ts';
import type { Run } from '../store/index.ts';
import type { EngineParts } from './engine-parts.ts';

type Parts = Pick<EngineParts, 'meter'>;

/** Counts time that a lane has spent; call it when the time was recorded, so that nothing counts twice. */
export function measureTimes({ meter }: Parts, timing: TimeParts): void {
  for (const [part, ms] of Object.entries(timing)) meter.count('lane_seconds', { part }, ms / 1_000);
}

/** Counts what was read of a source only to be compared. */
export function measureLook(
  { meter }: Parts,
  { source }: Pick<Run, 'source'>,
  { recordsRead, bytesRead }: { readonly recordsRead: number; readonly bytesRead: number },
): void {
  meter.count('read_records', { connection_type: source.type }, recordsRead);
  meter.count('read_bytes', { connection_type: source.type }, bytesRead);
}

/** Counts a segment whose outcome was recorded. */
export function measureRead(
  { meter }: Parts,
  run: Pick<Run, 'source' | 'destination'>,
  outcome: { readonly recordsRead: number; readonly bytesRead: number },
): void {
  measureLook({ meter }, run, outcome);
  meter.count('sent_bytes', { connection_type: run.destination.type }, outcome.bytesRead);
}

/** Counts a schema that was proved and published. */
export function measurePublication(
  { meter }: Parts,
  { destination }: Pick<Run, 'destination'>,
  { verdict, counts }: Pick<SchemaReceipt, 'verdict' | 'counts'>,
): void {
  const labels = { connection_type: destination.type };
  meter.count('verifications', { verdict });
  meter.count('written_records', labels, counts.written);
  meter.count('unchanged_records', labels, counts.unchanged);
  meter.count('deleted_records', labels, counts.deleted);
  meter.count('rejected_records', labels, counts.rejected);
}

/** Counts what a repair has published, and what it could not. */
export function measureRepair(
  { meter }: Parts,
  { destination }: Pick<Run, 'destination'>,
  { written, deleted, rejected }: { readonly written: number; readonly deleted: number; readonly rejected: number },
): void {
  const labels = { connection_type: destination.type };
  meter.count('written_records', labels, written);
  meter.count('deleted_records', labels, deleted);
  meter.count('rejected_records', labels, rejected);
}

/** Counts an execution that has ended. */
export function measureEnd(
  { meter }: Parts,
  execution: { readonly status: ExecutionStatus; readonly createdAt: Date },
  timing: ExecutionTiming | null,
  schemas: readonly { readonly status: SchemaStatus }[],
): void {
  const { status, createdAt } = execution;
  meter.count('executions_ended', { status });
  // Never negative: the database's clock and ours may differ.
  meter.observe('execution_seconds', { status }, Math.max(0, Date.now() - createdAt.getTime()) / 1_000);
  const part = timing?.bottleneck ?? null;
  if (part !== null) meter.count('execution_bottlenecks', { part });
  for (const schema of schemas) meter.count('schemas_ended', { status: schema.status });
}
