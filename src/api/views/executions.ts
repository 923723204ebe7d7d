import type {
  ExecutionBody,
  ProgressBody,
  ReceiptBody,
  RecordDifferencesBody,
  RejectBody,
  SchemaExecutionBody,
  SchemaReceiptBody,
} from '../../contract/index.ts';
import type { RangeSum, Receipt, RecordDifferences, ResyncMode, SchemaReceipt } from '../../core/index.ts';
import { countRecords, type ExecutionProgress, type ExecutionView, type RejectView } from '../../operations/index.ts';
import { withoutNulls } from './without-nulls.ts';

/** What a repair mode does to the records that are there. */
const DISPOSITIONS: Readonly<Record<ResyncMode, ExecutionBody['output_disposition']>> = {
  refetch: 'retain',
  resync: 'truncate',
  rebuild: 'rebuild',
};

/** An execution on the wire, with counts over its schemas. */
export function toExecutionBody({ record, schemas }: ExecutionView): ExecutionBody {
  const sum = (count: (schema: ExecutionView['schemas'][number]) => number): number =>
    schemas.reduce((total, schema) => total + count(schema), 0);
  return {
    id: record.id,
    status: record.status,
    ...withoutNulls({ status_message: record.statusMessage }),
    type: record.type,
    fetch_mode: record.fetchMode,
    is_partial: record.isPartial,
    is_resync: record.resyncMode !== null,
    is_test: record.isTest,
    output_disposition: record.resyncMode === null ? 'retain' : DISPOSITIONS[record.resyncMode],
    record_count: sum(countRecords),
    error_count: sum((schema) => Number(schema.errorCount)),
    warning_count: sum((schema) => Number(schema.warningCount)),
    created_at: record.createdAt.toISOString(),
    started_at: record.startedAt?.toISOString() ?? null,
    completed_at: record.completedAt?.toISOString() ?? null,
    updated_at: record.updatedAt.toISOString(),
    schemas: schemas.map((schema) => toSchemaBody(schema, record)),
  };
}

function toSchemaBody(
  schema: ExecutionView['schemas'][number],
  execution: ExecutionView['record'],
): SchemaExecutionBody {
  return {
    schema: schema.schemaId,
    ...withoutNulls({ output_name: schema.outputName, status_message: schema.statusMessage }),
    status: schema.status,
    record_count: countRecords(schema),
    error_count: Number(schema.errorCount),
    warning_count: Number(schema.warningCount),
    created_at: execution.createdAt.toISOString(),
    started_at: schema.startedAt?.toISOString() ?? null,
    completed_at: schema.completedAt?.toISOString() ?? null,
    updated_at: (schema.completedAt ?? execution.updatedAt).toISOString(),
  };
}

/** Progress on the wire. */
export function toProgressBody(progress: ExecutionProgress): ProgressBody {
  return {
    execution_id: progress.executionId,
    status: progress.status,
    elapsed_seconds: progress.elapsedSeconds,
    schemas: progress.schemas.map((schema) => ({
      schema: schema.schemaId,
      output_name: schema.outputName,
      status: schema.status,
      phase: schema.phase,
      records: schema.records,
      bytes: schema.bytes,
      records_per_second: schema.recordsPerSecond,
      bytes_per_second: schema.bytesPerSecond,
      estimated_records: schema.estimatedRecords,
      seconds_left: schema.secondsLeft,
    })),
  };
}

/** A receipt on the wire. */
export function toReceiptBody(receipt: Receipt): ReceiptBody {
  return {
    execution_id: receipt.executionId,
    sync_id: receipt.syncId,
    issued_at: receipt.issuedAt,
    depth: receipt.depth,
    verdict: receipt.verdict,
    schemas: receipt.schemas.map(toSchemaReceiptBody),
  };
}

function toSchemaReceiptBody(receipt: SchemaReceipt): SchemaReceiptBody {
  const { schemaId, outputName, positions, source, destination, differences, notes, conversions, counts, ...others } =
    receipt;
  const { differing, repaired, ...rest } = others;
  return {
    ...rest,
    schema: schemaId,
    output_name: outputName,
    notes: [...notes],
    conversions: [...conversions],
    counts: { ...counts },
    positions: positions.map(({ position, takenAt }) => ({ position, taken_at: takenAt })),
    source: toSumBody(source),
    destination: destination === null ? null : toSumBody(destination),
    differences: differences.map((difference) => ({
      range: difference.range,
      source: toSumBody(difference.source),
      destination: toSumBody(difference.destination),
    })),
    differing: differing === undefined ? null : toRecordDifferencesBody(differing),
    repaired: repaired === undefined ? null : toRecordDifferencesBody(repaired),
  };
}

function toRecordDifferencesBody({ isComplete, ranges, records, ...counts }: RecordDifferences): RecordDifferencesBody {
  return {
    ...counts,
    complete: isComplete,
    ranges: ranges.map((range) => ({ ...range })),
    records: records.map(({ kind, key }) => ({ kind, key: { ...key } })),
  };
}

function toSumBody({ records, sum }: RangeSum): { records: number; sum: string | null } {
  return { records, sum };
}

/** A rejected record on the wire. */
export function toRejectBody(reject: RejectView): RejectBody {
  return {
    schema: reject.schemaId,
    key: reject.key === null ? null : { ...reject.key },
    reason: reject.reason,
    created_at: reject.createdAt.toISOString(),
  };
}
