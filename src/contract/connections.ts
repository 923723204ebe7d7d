import { z } from 'zod';
import { actorSchema, envelope, idSchema, jsonObjectSchema, queryBooleanSchema, timestampSchema } from './common.ts';

/** The type of a connection, in short. `operations` says what it can be used for. */
const connectionTypeRefSchema = z
  .object({ id: z.string(), name: z.string(), operations: z.array(z.string()) })
  .meta({ id: 'ConnectionTypeSchema' });

/** A connection. Secrets in `configuration` are shown as `********`. */
export const connectionSchema = z
  .object({
    id: idSchema,
    name: z.string(),
    type: connectionTypeRefSchema,
    organization_id: idSchema,
    configuration: jsonObjectSchema,
    policies: z.array(idSchema),
    parent_connection_id: idSchema.optional().describe('Of a shared connection: the one that it points to.'),
    healthcheck_interval: z.string().optional(),
    saved: z.boolean(),
    status: z.string(),
    status_error: z.string().optional(),
    created_at: timestampSchema,
    created_by: actorSchema,
    updated_at: timestampSchema,
    updated_by: actorSchema,
  })
  .meta({ id: 'ConnectionResponseSchema' });
export type ConnectionBody = z.infer<typeof connectionSchema>;

/** A duration such as `90s`, `5m` or `1h30m`. */
const durationSchema = z
  .string()
  .regex(/^(\d+(\.\d+)?(ms|s|m|h))+$/, 'must be a duration such as 90s, 5m or 1h30m')
  .max(40);

const nameSchema = z.string().trim().min(1, 'must not be empty').max(255, 'must have at most 255 characters');

const writableFields = {
  name: nameSchema,
  configuration: jsonObjectSchema.describe("Fits the JSON Schema of the connection's type."),
  healthcheck_interval: durationSchema.optional(),
  organization_id: idSchema.nullish().describe("The caller's own organization; anything else is refused."),
  policies: z.array(idSchema).nullish().describe('Ids of policies, beside the built-in one.'),
  validate: z
    .boolean()
    .default(true)
    .describe('Prove the configuration against the system first; when that fails, nothing is stored.'),
};

/** Body of `POST /api/connections`. */
export const createConnectionSchema = z
  .strictObject({
    ...writableFields,
    type: z.string().min(1),
    redirect_url: z.string().optional().describe('Used by types that are authorised in a browser.'),
  })
  .meta({ id: 'CreateConnectionRequestSchema' });
export type CreateConnectionRequest = z.input<typeof createConnectionSchema>;

/** Body of `PUT /api/connections/{id}`: a full replacement. */
export const updateConnectionSchema = z
  .strictObject({
    ...writableFields,
    type: z.string().optional().describe('A connection keeps its type.'),
    reconnect: z.boolean().optional().describe('Used by types that are authorised in a browser.'),
  })
  .meta({ id: 'UpdateConnectionRequestSchema' });

/** Body of `POST /api/connections/test`. */
export const testConnectionSchema = z
  .strictObject({
    type: z.string().min(1),
    configuration: jsonObjectSchema,
    connection_id: idSchema.optional().describe('Lay the configuration over what this connection has stored.'),
  })
  .meta({ id: 'TestConnectionRequest' });
export type TestConnectionRequest = z.input<typeof testConnectionSchema>;

/** Query of `DELETE /api/connections/{id}`. */
export const deleteConnectionQuerySchema = z.object({
  force: queryBooleanSchema.optional().describe('Delete the syncs that use the connection, too.'),
});

/** One connection. */
export const connectionEnvelope = envelope(connectionSchema);
/** Every connection. */
export const connectionListEnvelope = envelope(z.array(connectionSchema));

/** Millrace's own settings of a connection; `max_lanes`: steps of executions at once, over all workers, null = no limit. */
export const connectionSettingsSchema = z.object({ max_lanes: z.int().nullable() });

/** The same in a request; what is left out goes back to its default. */
export const connectionSettingsRequestSchema = z.strictObject({ max_lanes: z.number().nullish() });
