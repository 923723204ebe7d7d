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
export { resolveFilePath } from './path.ts';
export type { Session } from './session.ts';
export { quoteName, quotePath, quoteTable, quoteText } from './sql.ts';
export { codecOf } from './types.ts';
