import { z } from 'zod';
import { FIELD_TYPES } from '../core/index.ts';
import {
  actorSchema,
  envelope,
  idSchema,
  jsonObjectSchema,
  jsonQuerySchema,
  queryBooleanSchema,
  recordSchema,
  timestampSchema,
} from './common.ts';
import { jobSchema } from './jobs.ts';

/** One field of a model, or of what a model could be made of; then it has no id yet. */
export const modelFieldSchema = z
  .object({
    id: idSchema.optional(),
    name: z.string(),
    label: z.string(),
    type: z.enum(FIELD_TYPES),
    remote_type: z.string().optional().describe("The source's own name of the type."),
    unique: z.boolean().describe('True where the source keeps a unique key on this field alone.'),
    user_added: z.boolean(),
    example: z.string().optional(),
  })
  .meta({ id: 'ModelField' });
export type ModelFieldBody = z.infer<typeof modelFieldSchema>;

const relationSchema = z
  .object({ from: z.string(), to: z.object({ model_id: idSchema, field: z.string() }) })
  .meta({ id: 'Relation' });

const modelShape = {
  id: idSchema,
  name: z.string(),
  type: z.string().describe("The type of the model's connection."),
  organization_id: idSchema,
  connection_id: idSchema,
  configuration: jsonObjectSchema,
  fields: z.array(modelFieldSchema),
  identifier: z.string().optional(),
  tracking_columns: z.array(z.string()),
  relations: z.array(relationSchema),
  labels: z.array(z.object({ id: idSchema })),
  policies: z.array(idSchema),
  version: z.int().describe('Counts the changes.'),
};

const auditShape = {
  created_at: timestampSchema,
  created_by: actorSchema,
  updated_at: timestampSchema,
  updated_by: actorSchema,
};

/** A model: what model syncs take records from. */
export const modelSchema = z.object({ ...modelShape, ...auditShape }).meta({ id: 'ModelResponse' });
export type ModelBody = z.infer<typeof modelSchema>;

/** The same before 2024-02-08: fields have no id, and nobody is said to have made it. */
export const olderModelSchema = z.object({
  ...modelShape,
  fields: z.array(modelFieldSchema.omit({ id: true })),
});

/** A model, or the job that will make or change it. */
export const modelOrJobSchema = z.object({ data: modelSchema.optional(), job: jobSchema.optional() });

/** A model that is not stored, so that it has no id. */
export const modelPreviewSchema = z.object({
  data: z
    .object({ ...modelShape, ...auditShape })
    .partial()
    .optional(),
  job: jobSchema.optional(),
});

/** Records of a model, or the job that reads them. */
export const modelSampleSchema = z.object({
  data: z.object({ records: z.array(z.record(z.string(), recordSchema)), warnings: z.array(z.string()) }).optional(),
  job: jobSchema.optional(),
});

const names = z.array(z.string().min(1).max(1000)).max(10_000);

const additionalFieldSchema = z
  .strictObject({
    name: z.string().min(1).max(255),
    label: z.string().max(255),
    type: z.enum(FIELD_TYPES),
    example: z.string().max(1000).nullish(),
  })
  .meta({ id: 'ModelModelFieldRequest' });

const enricherSchema = z
  .strictObject({
    connection_id: idSchema,
    enricher_id: idSchema.nullish(),
    configuration: jsonObjectSchema.nullish(),
    mappings: z.record(z.string(), z.string()).nullish(),
    fields: z.array(jsonObjectSchema).nullish(),
  })
  .describe('A connection that adds to the records. No type of connection does so yet.')
  .meta({ id: 'EnrichmentRequest' });

const requestShape = {
  name: z.string().trim().min(1, 'must not be empty').max(255, 'must have at most 255 characters'),
  connection_id: idSchema,
  configuration: jsonObjectSchema.describe('One of `table`, `view` and `query`, as the connection offers them.'),
  fields: names.nullish().describe('Names of the fields to take; all, new ones included, when left out.'),
  additional_fields: z.array(additionalFieldSchema).max(1000).nullish(),
  identifier: z.string().nullish().describe('The field whose value says which record is the same.'),
  tracking_columns: names.nullish(),
  relations: z
    .array(z.strictObject({ from: z.string(), to: z.strictObject({ model_id: idSchema, field: z.string() }) }))
    .max(100)
    .nullish(),
  labels: z.array(idSchema).max(100).nullish(),
  enricher: enricherSchema.nullish(),
  policies: z.array(idSchema).nullish().describe('Ids of policies, beside the built-in one.'),
  organization_id: idSchema.nullish().describe("The caller's own organization; anything else is refused."),
};

/** Body of `POST /api/models` and `POST /api/model-preview`. */
export const createModelRequestSchema = z.strictObject(requestShape).meta({ id: 'CreateModelRequest' });
export type CreateModelRequest = z.output<typeof createModelRequestSchema>;

/** Body of `PUT /api/models/{id}`: a full replacement. */
export const updateModelRequestSchema = z
  .strictObject({
    ...requestShape,
    refresh: z.boolean().nullish().describe('Read the fields anew although connection and configuration stay.'),
  })
  .meta({ id: 'UpdateModelRequest' });

/** Body of a change before 2024-02-08: what is left out stays. */
export const patchModelRequestSchema = createModelRequestSchema.partial();
export type PatchModelRequest = z.output<typeof patchModelRequestSchema>;

/** Query of `GET /api/models`. */
export const listModelsQuerySchema = z.object({
  limit: z.coerce.number().int().optional().describe('At most 50, which is also the default.'),
  page_token: z.string().optional(),
});

/** Whether to be answered with a job. */
export const asyncQuerySchema = z.object({
  async: queryBooleanSchema.default(false).describe('Answer at once with a job, which does the work.'),
});

const paramsSchema = z.record(z.string(), z.union([z.string(), z.array(z.string())]));

/** Query of what a model can be made of. */
export const modelSourceQuerySchema = z.object({
  params: jsonQuerySchema(paramsSchema).optional().describe('Beginnings of ids, by key of the configuration, as JSON.'),
});

/** Query of the fields of a configuration. */
export const modelSourceFieldsQuerySchema = z.object({
  params: jsonQuerySchema(paramsSchema).optional().describe('A configuration, as JSON.'),
});

/** Body of the same before 2024-02-08. */
export const modelFieldsRequestSchema = z
  .strictObject({ query: paramsSchema.nullish() })
  .meta({ id: 'ModelFieldsRequest' });

/** What a model can be made of. */
export const modelSourceSchema = z
  .object({
    configuration: z.record(z.string(), z.object({ type: z.string(), items: z.array(z.string()).optional() })),
    items: z.record(
      z.string(),
      z.object({ has_items: z.boolean(), items: z.array(z.string()), requires_one_of: z.array(z.string()) }),
    ),
    requires_one_of: z.array(z.string()),
  })
  .meta({ id: 'SyncSourceMetaResponse' });

/** Fields of a configuration. */
export const modelFieldListEnvelope = envelope(z.array(modelFieldSchema));

/** Body of a question for what an enrichment needs. */
export const enrichmentInputRequestSchema = z
  .strictObject({ configuration: jsonObjectSchema.nullish() })
  .nullish()
  .meta({ id: 'EnrichmentInputFieldsRequest' });

/** Path of a question about a connection. */
export const connectionParamsSchema = z.object({ connection_id: idSchema });
