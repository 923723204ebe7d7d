import { z } from 'zod';
import { envelope, idSchema, jsonObjectSchema } from './common.ts';

/** Body of `POST /api/connection_types/{type}/parameter_values`. */
export const parameterValuesRequestSchema = z
  .strictObject({
    field: z.string().min(1).describe('A field of the configuration.'),
    parameters: jsonObjectSchema.nullable().describe('What is filled in so far.'),
    query: z.string().max(255).optional().describe('Only values that contain it.'),
    connection_id: idSchema.optional().describe('Lay the parameters over what this connection has stored.'),
  })
  .meta({ id: 'ConnectionParameterValuesRequest' });

/** Values by field; `allows_creation`: others are taken, too. */
export const parameterValuesEnvelope = envelope(
  z.record(
    z.string(),
    z.object({
      allows_creation: z.boolean(),
      values: z.array(z.object({ label: z.string(), value: z.string() })),
    }),
  ),
);
export type ParameterValuesBody = z.infer<typeof parameterValuesEnvelope>['data'];
