export { type FileLease, type LeaseMode, leaseFile } from './client.ts';
export { type CollectedRecords, CollectedSegment } from './collected-segment.ts';
export {
  assertDistinctNames,
  isTombstone,
  keyColumns,
  listDefinitions,
  listNames,
  ownColumnNames,
  ownColumns,
  sameKey,
  stampOf,
} from './columns.ts';
export { digest, inRange } from './digest.ts';
export { toSyncError } from './errors.ts';
export { assertLoss } from './guard.ts';
export type { RefusedRecord } from './isolate.ts';
export { choosePath } from './list-paths.ts';
export { openReader } from './memory.ts';
export { resolveFilePath } from './path.ts';
export { runQuery } from './queries/run-query.ts';
export { describeType } from './reading/column-types.ts';
export { exportCsv } from './reading/export-csv.ts';
export { toWireText } from './reading/field-values.ts';
export { holdImage, proveImage, readFilesState } from './reading/images.ts';
export { offerCsv } from './reading/offer.ts';
export { sampleRecords } from './reading/sample.ts';
export { planDelta, toDeltaCondition, toDeltaText } from './reading/tracking.ts';
export type { Session } from './session.ts';
export { quoteName, quotePath, quoteTable, quoteText } from './sql.ts';
export { createTableImage } from './table-image.ts';
export { codecOf } from './types.ts';
