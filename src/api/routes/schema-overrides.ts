import {
  acceptedSchema,
  envelope,
  fieldParamsSchema,
  patchFieldRequestSchema,
  schemaFieldSchema,
  schemaParamsSchema,
  setPrimaryKeysRequestSchema,
  upsertFieldsRequestSchema,
} from '../../contract/index.ts';
import {
  deleteUserField,
  patchField,
  resetPrimaryKey,
  setPrimaryKey,
  upsertUserFields,
} from '../../operations/index.ts';
import { defineRoute } from '../route.ts';
import { since } from '../versions/range.ts';
import { toFieldBody } from '../views/schemas.ts';
import { withoutUndefined } from '../views/without-nulls.ts';

const VERSIONS = since('2024-02-08');

/** What users say about a source's schemas, over what was discovered. */
export const schemaOverrideRoutes = [
  defineRoute({
    method: 'POST',
    url: '/api/connections/:id/schemas/:schema_id/fields',
    versions: VERSIONS,
    operationId: 'schemas.upsertField',
    summary: 'Add fields to a schema: values inside of its JSON fields',
    params: schemaParamsSchema,
    body: upsertFieldsRequestSchema,
    response: acceptedSchema,
    status: 202,
    handle: async (context, { params, body }) => {
      const fields = (body?.fields ?? []).map(({ field_id, label, type, path, example }) => ({
        id: field_id,
        label,
        type,
        path: path ?? null,
        example,
      }));
      await upsertUserFields(context, toPlace(params), fields);
      return {};
    },
  }),
  defineRoute({
    method: 'PATCH',
    url: '/api/connections/:id/schemas/:schema_id/fields/:field_id',
    versions: since('2025-09-18'),
    operationId: 'schemas.patchField',
    summary: 'Change an added field, or the label of a field of the source',
    params: fieldParamsSchema,
    body: patchFieldRequestSchema,
    response: envelope(schemaFieldSchema),
    handle: async (context, { params, body }) => ({
      data: toFieldBody(await patchField(context, toPlace(params), params.field_id, withoutUndefined(body ?? {}))),
    }),
  }),
  defineRoute({
    method: 'DELETE',
    url: '/api/connections/:id/schemas/:schema_id/fields/:field_id',
    versions: VERSIONS,
    operationId: 'schemas.deleteField',
    summary: 'Take an added field away',
    params: fieldParamsSchema,
    response: acceptedSchema,
    status: 202,
    handle: async (context, { params }) => {
      await deleteUserField(context, toPlace(params), params.field_id);
      return {};
    },
  }),
  defineRoute({
    method: 'PUT',
    url: '/api/connections/:id/schemas/:schema_id/primary_keys',
    versions: VERSIONS,
    operationId: 'schemas.setPrimaryKeys',
    summary: 'Set the key of a schema in the place of the detected one',
    params: schemaParamsSchema,
    body: setPrimaryKeysRequestSchema,
    response: acceptedSchema,
    status: 202,
    handle: async (context, { params, body }) => {
      const entries = (body?.fields ?? []).map((entry) => ({
        fieldId: entry.field_id,
        isPrimaryKey: entry.is_primary_key,
      }));
      await setPrimaryKey(context, toPlace(params), entries);
      return {};
    },
  }),
  defineRoute({
    method: 'DELETE',
    url: '/api/connections/:id/schemas/:schema_id/primary_keys',
    versions: VERSIONS,
    operationId: 'schemas.resetPrimaryKeys',
    summary: 'Go back to the detected key of a schema',
    params: schemaParamsSchema,
    response: acceptedSchema,
    status: 202,
    handle: async (context, { params }) => {
      await resetPrimaryKey(context, toPlace(params));
      return {};
    },
  }),
];

function toPlace({ id, schema_id }: { readonly id: string; readonly schema_id: string }) {
  return { connectionId: id, schemaId: schema_id };
}
