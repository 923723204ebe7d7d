export { collectRefusals } from './collect-refusals.ts';
export { type ColumnCounts, guardColumns, harmlessLoss } from './column-loss.ts';
export type {
  Capabilities,
  Choice,
  ChoiceList,
  ConfigurationValue,
  Connector,
  ConnectorContext,
  ConnectorDefinition,
  DatabaseAddress,
  HttpAccess,
  Leftover,
  ModelTargetCatalogue,
  ModelTargetField,
  ModelTargetMode,
  NamedValue,
} from './connector.ts';
export { type ConnectorSettings, createContext } from './context.ts';
export { keyNotUnique } from './declared-key.ts';
export type { Acceptance, BulkDestination, TableImage, TableState } from './destination.ts';
export { hideRoot } from './hide-root.ts';
export type {
  Load,
  LoadColumn,
  LoadPlan,
  LossGuard,
  Pack,
  PackOutcomes,
  PackTable,
  PackWay,
  PublishCounts,
  Replacement,
  SegmentOutcome,
  SegmentWriter,
} from './load.ts';
export { type CreditAccount, CreditPool, type CreditShare, createLoneCredit, MemoryCredit } from './memory-credit.ts';
export {
  type FoundField,
  type FoundRecords,
  type ModelReader,
  type ReadableTable,
  type ReadLimits,
  toDistinctNames,
} from './models.ts';
export type { Reject } from './reject.ts';
export { toSampleValue } from './sample-value.ts';
export type { SegmentId } from './segment-id.ts';
export type {
  BulkSource,
  Checkpoint,
  EstimateRequest,
  FormatOffer,
  HighestSeen,
  OfferedField,
  OverwrittenTable,
  ReadRequest,
  SegmentRange,
  SegmentRequest,
  SnapshotRef,
  SourceChunk,
  SourceSnapshot,
  TrackingPlan,
  TrackingRequest,
  WriteRequest,
} from './source.ts';
export { configureTables } from './table-configuration.ts';
export type { TableName } from './table-name.ts';
export { tableText } from './table-text.ts';
