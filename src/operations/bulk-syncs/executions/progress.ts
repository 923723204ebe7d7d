import { type ExecutionStatus, isTerminal, type SchemaStatus } from '../../../core/index.ts';
import { type ExecutionSchemaRecord, listExecutionSchemas } from '../../../store/index.ts';
import type { Context } from '../../context.ts';
import { requireExecution } from './executions.ts';

/** Where in its work a schema is. */
export type Phase = 'waiting' | 'preparing' | 'reading' | 'finishing' | 'done';

/** How far one schema of an execution is. Rates are means since its start; null = not known yet. */
export interface SchemaProgress {
  readonly schemaId: string;
  readonly outputName: string | null;
  readonly status: SchemaStatus;
  readonly phase: Phase;
  /** Read from the source. */
  readonly records: number;
  readonly bytes: number;
  readonly recordsPerSecond: number | null;
  readonly bytesPerSecond: number | null;
  /** By the source's own statistics; null for a read of changes only. */
  readonly estimatedRecords: number | null;
  /** Of reading; null when the estimate is missing or already passed. */
  readonly secondsLeft: number | null;
}

/** How far an execution is. */
export interface ExecutionProgress {
  readonly executionId: string;
  readonly status: ExecutionStatus;
  readonly elapsedSeconds: number | null;
  readonly schemas: readonly SchemaProgress[];
}

/** @throws `NOT_FOUND` */
export async function getProgress(context: Context, syncId: string, executionId: string): Promise<ExecutionProgress> {
  const execution = await requireExecution(context, syncId, executionId);
  const { organizationId } = context.caller;
  const schemas = await listExecutionSchemas(context.store.db, organizationId, [executionId], 'all');
  const now = context.clock();
  return {
    executionId,
    status: execution.status,
    elapsedSeconds: secondsBetween(execution.startedAt, execution.completedAt ?? now),
    schemas: schemas.map((schema) => toProgress(schema, isTerminal(execution.status), now)),
  };
}

/** The figures of one schema at `now`. */
export function toProgress(schema: ExecutionSchemaRecord, hasEnded: boolean, now: Date): SchemaProgress {
  const { records, bytes } = schema.progress;
  const seconds = secondsBetween(schema.startedAt, schema.completedAt ?? now);
  const rate = (amount: number): number | null =>
    seconds === null || seconds === 0 || amount === 0 ? null : amount / seconds;
  const estimate = schema.estimatedRecords === null ? null : Number(schema.estimatedRecords);
  const recordsPerSecond = rate(records);
  const phase = hasEnded ? 'done' : phaseOf(schema);
  const isKnown = phase === 'reading' && estimate !== null && recordsPerSecond !== null && estimate >= records;
  return {
    schemaId: schema.schemaId,
    outputName: schema.outputName,
    status: schema.status,
    phase,
    records,
    bytes,
    recordsPerSecond,
    bytesPerSecond: rate(bytes),
    estimatedRecords: estimate,
    secondsLeft: isKnown ? (estimate - records) / recordsPerSecond : null,
  };
}

function phaseOf({ completedAt, progress }: ExecutionSchemaRecord): Phase {
  if (completedAt !== null) return 'done';
  if (progress.isFinishing || (progress.reads > 0 && progress.doneReads === progress.reads)) return 'finishing';
  if (progress.records > 0 || progress.doneReads > 0) return 'reading';
  return progress.isPreparing ? 'preparing' : 'waiting';
}

/** Never negative: the database's clock and ours may differ. */
function secondsBetween(from: Date | null, to: Date): number | null {
  return from === null ? null : Math.max(0, (to.getTime() - from.getTime()) / 1000);
}
