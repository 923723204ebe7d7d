export { deserializeError, ERROR_CODES, type ErrorCode, type ErrorDetail, type FailureKind, isAbort, type SerializedError, SyncError, serializeError } from './errors.ts';
export { FIELD_TYPES, type FieldAssociation, type FieldDescription, type FieldType, type LogicalType, type PickValue, type SchemaDescription } from './fields.ts';
export type { RangeSum, Receipt, ReceiptScope, SchemaReceipt, SourcePosition } from './receipts.ts';
export {
  EXECUTION_EVENTS,
  EXECUTION_STATUSES,
  EXECUTION_TRANSITIONS,
  type ExecutionEvent,
  type ExecutionStatus,
  isTerminal,
  SCHEMA_STATUSES,
  type SchemaStatus,
  TERMINAL_STATUSES,
} from './statuses.ts';
export { BULK_MODES, type BulkMode, FETCH_MODES, type FetchMode, LOAD_KINDS, type LoadKind, RECEIPT_DEPTHS, type ReceiptDepth, RESYNC_MODES, type ResyncMode } from './syncs.ts';
