import type { SourceSchemaBody } from '../../contract/index.ts';
import type { FieldDescription, SchemaDescription } from '../../core/index.ts';

/** A source's schema on the wire. */
export function toSchemaBody(schema: SchemaDescription, includeFields: boolean): SourceSchemaBody {
  return {
    id: schema.id,
    name: schema.name,
    ...(includeFields ? { fields: schema.fields.map(toFieldBody) } : {}),
  };
}

function toFieldBody(field: FieldDescription): NonNullable<SourceSchemaBody['fields']>[number] {
  const { association, values } = field;
  return {
    id: field.id,
    name: field.name,
    path: toJsonPath(field.id),
    type: field.type,
    remote_type: field.remoteType,
    is_primary_key: field.isPrimaryKey,
    user_managed: false,
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

/** Where a field's value lies in a record: `$.name`, quoted where the name is no plain word. */
function toJsonPath(field: string): string {
  return /^[A-Za-z_][A-Za-z0-9_]*$/.test(field) ? `$.${field}` : `$[${JSON.stringify(field)}]`;
}
