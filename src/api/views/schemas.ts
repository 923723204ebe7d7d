import type { z } from 'zod';
import type { SourceSchemaBody, schemaStatusEnvelope } from '../../contract/index.ts';
import { type FieldDescription, formatJsonPath, type SchemaDescription } from '../../core/index.ts';
import type { getSchemaStatus } from '../../operations/index.ts';

/** A source's schema on the wire. */
export function toSchemaBody(schema: SchemaDescription, includeFields: boolean): SourceSchemaBody {
  return {
    id: schema.id,
    name: schema.name,
    ...(includeFields ? { fields: schema.fields.map(toFieldBody) } : {}),
  };
}

/** How fresh the schemas of a source are, on the wire. */
export function toSchemaStatusBody(
  state: Awaited<ReturnType<typeof getSchemaStatus>>,
): z.output<typeof schemaStatusEnvelope>['data'] {
  return {
    cache_status: state.status,
    last_refresh_started: state.startedAt?.toISOString() ?? null,
    last_refresh_finished: state.finishedAt?.toISOString() ?? null,
  };
}

/** One field of it. */
export function toFieldBody(field: FieldDescription): NonNullable<SourceSchemaBody['fields']>[number] {
  const { association, values } = field;
  return {
    id: field.id,
    name: field.name,
    path: formatJsonPath(field.userPath ?? [field.id]),
    type: field.type,
    remote_type: field.remoteType,
    is_primary_key: field.isPrimaryKey,
    user_managed: field.userPath !== undefined,
    association:
      association === undefined
        ? null
        : {
            id: association.id,
            name: association.name,
            reference_to: [...association.referenceTo],
            referenced_field: association.referencedField,
          },
    ...(values === undefined ? {} : { values: values.map(({ label, value }) => ({ label, value })) }),
  };
}
