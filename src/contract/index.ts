export {
  bulkDestinationEnvelope,
  bulkDestinationSchema,
  bulkSourceEnvelope,
  bulkSourceQuerySchema,
  bulkSourceSchema,
  oldBulkSourceParamsSchema,
  oldBulkSourceQuerySchema,
} from './bulk-endpoints.ts';
export type {
  AdditionalScheduleBody,
  AdditionalScheduleRequest,
  DefaultScheduleBody,
  DefaultScheduleRequest,
} from './bulk-schedules.ts';
export {
  type BulkSchemaBody,
  type BulkSchemaListItemBody,
  bulkSchemaListItemSchema,
  bulkSchemaParamsSchema,
  bulkSchemaSchema,
  type SchemaSelectionRequest,
} from './bulk-schemas.ts';
export {
  activateSyncRequestSchema,
  activateSyncSchema,
  type BulkSyncBody,
  type BulkSyncRequest,
  bulkSyncSchema,
  createBulkSyncRequestSchema,
  listBulkSyncsQuerySchema,
  refreshSchemasQuerySchema,
  type SyncSettingsBody,
  syncSettingsRequestSchema,
  syncSettingsSchema,
  updateBulkSyncRequestSchema,
} from './bulk-syncs.ts';
export { type Client, createClient } from './client.ts';
export {
  type Actor,
  type ApiErrorBody,
  actorSchema,
  apiErrorSchema,
  envelope,
  idParamsSchema,
  idSchema,
  jsonObjectSchema,
  pageEnvelope,
  paginationSchema,
  pickValueSchema,
  queryBooleanSchema,
  type RestErrorBody,
  restErrorSchema,
  timestampSchema,
} from './common.ts';
export { configurationJsonSchema, connectionTypeListEnvelope, connectionTypeSchema } from './connection-types.ts';
export {
  type ConnectionBody,
  type CreateConnectionRequest,
  connectionEnvelope,
  connectionListEnvelope,
  connectionSchema,
  connectionTypeRefSchema,
  createConnectionSchema,
  deleteConnectionQuerySchema,
  type TestConnectionRequest,
  testConnectionSchema,
  updateConnectionSchema,
} from './connections.ts';
export {
  cancelSchema,
  type ExecutionBody,
  executionParamsSchema,
  executionSchema,
  listExecutionsQuerySchema,
  type ProgressBody,
  progressSchema,
  type SchemaExecutionBody,
  type StartBulkSyncRequest,
  type StartWithOverridesRequest,
  type SyncStatusBody,
  startBulkSyncRequestSchema,
  startWithOverridesRequestSchema,
  syncStatusSchema,
} from './executions.ts';
export { identitySchema } from './identity.ts';
export {
  creationPropertyEnvelope,
  creationPropertyParamsSchema,
  targetObjectsEnvelope,
  targetObjectsQuerySchema,
} from './model-targets.ts';
export {
  listRejectsQuerySchema,
  type ReceiptBody,
  type RejectBody,
  receiptSchema,
  rejectSchema,
  type SchemaReceiptBody,
} from './receipts.ts';
export {
  acceptedSchema,
  recordsEnvelope,
  type SourceSchemaBody,
  schemaFieldSchema,
  schemaParamsSchema,
  schemaStatusEnvelope,
  schemaStatusSchema,
  sourceSchemaEnvelope,
  sourceSchemaSchema,
} from './schemas.ts';
export { ApiFailure, type ClientOptions } from './transport.ts';
export { API_VERSIONS, type ApiVersion, isApiVersion, VERSION_HEADER } from './versions.ts';
