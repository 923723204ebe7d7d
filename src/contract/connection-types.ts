import { z } from 'zod';
import { envelope, jsonObjectSchema } from './common.ts';

/** What connections of a type can be used for, and how they are configured. */
const connectionTypeSchema = z
  .object({
    id: z.string(),
    name: z.string(),
    use_oauth: z.boolean(),
    capabilities: z.object({
      source: z.boolean(),
      destination: z.boolean(),
      enrichment: z.boolean(),
      orchestration: z.boolean(),
    }),
    configurationForm: z.object({ jsonschema: jsonObjectSchema, uischema: jsonObjectSchema }),
  })
  .meta({ id: 'ConnectionType' });

/** Every connection type. */
export const connectionTypeListEnvelope = envelope(z.array(connectionTypeSchema));

/** A bare JSON Schema, without an envelope. */
export const configurationJsonSchema = jsonObjectSchema.describe('JSON Schema of the configuration.');
