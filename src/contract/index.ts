export { type AuditEntryBody, auditEntrySchema, listAuditQuerySchema } from './audit.ts';
export {
  bulkDestinationEnvelope,
  bulkDestinationSchema,
  bulkSourceEnvelope,
  bulkSourceQuerySchema,
  bulkSourceSchema,
} from './bulk-endpoints.ts';
export type {
  AdditionalScheduleBody,
  AdditionalScheduleRequest,
  DefaultScheduleBody,
  DefaultScheduleRequest,
  SingleScheduleBody,
  SingleScheduleRequest,
} from './bulk-schedules.ts';
export { scheduleParamsSchema, singleScheduleRequestSchema, singleScheduleSchema } from './bulk-schedules.ts';
export {
  type BulkSchemaBody,
  type BulkSchemaListItemBody,
  bulkSchemaListItemSchema,
  bulkSchemaParamsSchema,
  bulkSchemaSchema,
  listBulkSchemasQuerySchema,
  type PatchBulkSchemasRequest,
  patchBulkSchemasRequestSchema,
  type SchemaSelectionRequest,
  type UpdateBulkSchemaRequest,
  updateBulkSchemaRequestSchema,
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
  apiErrorSchema,
  envelope,
  idParamsSchema,
  pageEnvelope,
  type RestErrorBody,
  restErrorSchema,
} from './common.ts';
export { connectEnvelope, connectRequestSchema, olderConnectRequestSchema } from './connect.ts';
export { configurationJsonSchema, connectionTypeListEnvelope } from './connection-types.ts';
export {
  type ConnectionBody,
  connectionEnvelope,
  connectionListEnvelope,
  connectionSettingsRequestSchema,
  connectionSettingsSchema,
  createConnectionSchema,
  deleteConnectionQuerySchema,
  testConnectionSchema,
  updateConnectionSchema,
} from './connections.ts';
export { type DriftEventBody, driftEventSchema, listDriftQuerySchema } from './drift.ts';
export { type EntityBody, entityEnvelope } from './entities.ts';
export { type EventBody, eventSchema, listEventsQuerySchema, oldListEventsQuerySchema } from './events.ts';
export { executionLogsEnvelope, exportLogsQuerySchema, exportLogsSchema } from './execution-logs.ts';
export {
  type ConsoleLogBody,
  cancelSchema,
  consoleLogQuerySchema,
  consoleLogSchema,
  type ExecutionBody,
  executionParamsSchema,
  executionSchema,
  listExecutionsQuerySchema,
  listStatusesQuerySchema,
  type ProgressBody,
  progressSchema,
  type SchemaExecutionBody,
  type StartBulkSyncRequest,
  type StartWithOverridesRequest,
  type SyncStatusItemBody,
  schemaExecutionParamsSchema,
  startBulkSyncRequestSchema,
  startVerificationRequestSchema,
  startWithOverridesRequestSchema,
  syncStatusItemSchema,
  syncStatusSchema,
} from './executions.ts';
export { identitySchema } from './identity.ts';
export { type JobBody, jobEnvelope, jobParamsSchema } from './jobs.ts';
export {
  listModelExecutionsQuerySchema,
  modelExecutionParamsSchema,
  modelExecutionSchema,
  modelSyncParamsSchema,
  modelSyncStatusSchema,
  recordLogFileParamsSchema,
  recordLogParamsSchema,
  recordLogSchema,
  setModelExecutionRequestSchema,
  startedModelSyncSchema,
  startModelSyncRequestSchema,
} from './model-sync-executions.ts';
export {
  createModelSyncRequestSchema,
  listModelSyncsQuerySchema,
  type ModelSyncBody,
  type ModelSyncListItemBody,
  type ModelSyncRequest,
  modelSyncListItemSchema,
  modelSyncSchema,
  scheduleOptionsSchema,
  updateModelSyncRequestSchema,
} from './model-syncs.ts';
export {
  creationPropertyEnvelope,
  creationPropertyParamsSchema,
  oldestTargetFieldSchema,
  oldestTargetPropertiesSchema,
  type TargetFieldsBody,
  targetAnswers,
  targetFieldsEnvelope,
  targetFieldsQuerySchema,
  targetObjectsEnvelope,
  targetObjectsQuerySchema,
} from './model-targets.ts';
export {
  asyncQuerySchema,
  type CreateModelRequest,
  connectionParamsSchema,
  createModelRequestSchema,
  enrichmentInputRequestSchema,
  listModelsQuerySchema,
  type ModelBody,
  type ModelFieldBody,
  modelFieldListEnvelope,
  modelFieldsRequestSchema,
  modelOrJobSchema,
  modelPreviewSchema,
  modelSampleSchema,
  modelSchema,
  modelSourceFieldsQuerySchema,
  modelSourceQuerySchema,
  modelSourceSchema,
  olderModelSchema,
  type PatchModelRequest,
  patchModelRequestSchema,
  updateModelRequestSchema,
} from './models.ts';
export { errorSubscribersRequestSchema, errorSubscribersSchema } from './notifications.ts';
export {
  type OrganizationBody,
  type OrganizationRequest,
  organizationEnvelope,
  organizationListEnvelope,
  organizationRequestSchema,
} from './organizations.ts';
export {
  type ParameterValuesBody,
  parameterValuesEnvelope,
  parameterValuesRequestSchema,
} from './parameter-values.ts';
export {
  type PolicyBody,
  type PolicyRequest,
  policyEnvelope,
  policyListEnvelope,
  policyRequestSchema,
  type RoleBody,
  type RoleRequest,
  roleEnvelope,
  roleListEnvelope,
  roleRequestSchema,
} from './permissions.ts';
export { type PlanBody, type PlanQuery, planQuerySchema, planSchema, type SchemaPlanBody } from './plans.ts';
export { proxyEnvelope, proxyInfoEnvelope, proxyRequestSchema } from './proxy.ts';
export {
  type QueryBody,
  queryPageEnvelope,
  queryPageQuerySchema,
  querySchema,
  runQueryQuerySchema,
  runQueryRequestSchema,
} from './queries.ts';
export {
  listRejectsQuerySchema,
  type ReceiptBody,
  type RecordDifferencesBody,
  type RejectBody,
  receiptSchema,
  rejectSchema,
  type SchemaReceiptBody,
} from './receipts.ts';
export {
  acceptedSchema,
  fieldParamsSchema,
  patchFieldRequestSchema,
  recordsEnvelope,
  type SourceSchemaBody,
  schemaFieldSchema,
  schemaParamsSchema,
  schemaStatusEnvelope,
  setPrimaryKeysRequestSchema,
  sourceSchemaEnvelope,
  upsertFieldsRequestSchema,
} from './schemas.ts';
export {
  organizationConnectionParamsSchema,
  parentConnectionParamsSchema,
  shareConnectionSchema,
  sharedConnectionEnvelope,
} from './shared-connections.ts';
export { timePartAnswers, timePartRequests } from './time-parts.ts';
export { type TimingBody, timingSchema } from './timing.ts';
export { ApiFailure } from './transport.ts';
export {
  createKeyQuerySchema,
  createUserSchema,
  keyEnvelope,
  organizationParamsSchema,
  organizationUserParamsSchema,
  type UserBody,
  updateOwnUserSchema,
  updateUserSchema,
  userEnvelope,
  userListEnvelope,
  wordUserEnvelope,
  wordUserListEnvelope,
  wordUserRequestSchema,
} from './users.ts';
export { API_VERSIONS, type ApiVersion, isApiVersion, VERSION_HEADER } from './versions.ts';
export {
  type DeliveryBody,
  deliverySchema,
  listDeliveriesQuerySchema,
  type OldWebhookBody,
  oldWebhookEnvelope,
  oldWebhookListEnvelope,
  type WebhookBody,
  type WebhookRequest,
  webhookEnvelope,
  webhookListEnvelope,
  webhookRequestSchema,
} from './webhooks.ts';
