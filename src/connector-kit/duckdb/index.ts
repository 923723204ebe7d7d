export { type FileLease, leaseFile, type Session } from './client.ts';
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
export { digest } from './digest.ts';
export { isReadingFailure, toSyncError } from './errors.ts';
export { assertLoss } from './guard.ts';
export { findRefusedRecords, type RefusedRecord, withoutRecords } from './isolate.ts';
export { resolveFilePath } from './path.ts';
export { type ReadingWay, readCsv, selectCsv } from './read-csv.ts';
export { SegmentFile } from './segment-file.ts';
export { quoteName, quoteTable, quoteText } from './sql.ts';
export { codecOf } from './types.ts';
