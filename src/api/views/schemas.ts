import type { SourceSchemaBody } from '../../contract/index.ts';
import { type FieldDescription, formatJsonPath, type SchemaDescription } from '../../core/index.ts';

/** A source's schema on the wire. */
export function toSchemaBody(schema: SchemaDescription, includeFields: boolean): SourceSchemaBody {
  return {
    id: schema.id,
    name: schema.name,
    ...(includeFields ? { fields: schema.fields.map(toFieldBody) } : {}),
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
