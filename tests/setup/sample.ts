import { z } from 'zod';

/** An id of nothing, in the places of ids. */
const SOME_ID = '00000000-0000-4000-8000-000000000001';

interface JsonSchema {
  readonly type?: string;
  readonly format?: string;
  readonly pattern?: string;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly anyOf?: readonly JsonSchema[];
  readonly oneOf?: readonly JsonSchema[];
  readonly allOf?: readonly JsonSchema[];
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly items?: JsonSchema;
  readonly minItems?: number;
  readonly minimum?: number;
  readonly $ref?: string;
  readonly $defs?: Readonly<Record<string, JsonSchema>>;
}

/** The smallest body that a route's schema takes. */
export function sampleOf(schema: z.ZodType): unknown {
  // What zod writes is JSON Schema.
  const root = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as JsonSchema;
  return sample(root, root);
}

function sample(schema: JsonSchema, root: JsonSchema): unknown {
  if (schema.$ref !== undefined) return sample(root.$defs?.[schema.$ref.split('/').at(-1) ?? ''] ?? {}, root);
  if (schema.const !== undefined) return schema.const;
  if (schema.enum !== undefined) return schema.enum[0];
  const [choice] = schema.anyOf ?? schema.oneOf ?? schema.allOf ?? [];
  if (choice !== undefined) return sample(choice, root);
  if (schema.properties !== undefined || schema.type === 'object') return sampleObject(schema, root);
  if (schema.type === 'array')
    return Array.from({ length: schema.minItems ?? 0 }, () => sample(schema.items ?? {}, root));
  if (schema.type === 'integer' || schema.type === 'number') return schema.minimum ?? 1;
  if (schema.type === 'boolean') return true;
  return schema.type === 'string' ? sampleText(schema) : null;
}

function sampleObject({ properties = {}, required = [] }: JsonSchema, root: JsonSchema): Record<string, unknown> {
  return Object.fromEntries(required.map((name) => [name, sample(properties[name] ?? {}, root)]));
}

function sampleText({ format, pattern }: JsonSchema): string {
  if (format === 'uuid' || format === 'guid' || pattern?.includes('0-9a-fA-F]{8}') === true) return SOME_ID;
  if (format === 'email') return 'somebody@example.org';
  if (format === 'uri') return 'https://example.org/';
  if (format === 'date-time') return '2026-01-01T00:00:00Z';
  return 'text';
}
