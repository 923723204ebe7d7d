import {
  type FieldDescription,
  formatJsonPath,
  isUserFieldType,
  parseJsonPath,
  type SchemaDescription,
  type SchemaOverrides,
  SyncError,
  USER_FIELD_TYPE_NAMES,
  type UserField,
} from '../../core/index.ts';
import { listSelectionsOf } from '../../store/index.ts';
import type { Context } from '../context.ts';
import { refuseField } from '../refusals.ts';
import { changeOverrides, type OverrideScene, type SchemaPlace } from './overrides.ts';

/** A field that a user adds to a schema. */
export interface UserFieldInput {
  readonly id: string;
  readonly label: string;
  readonly type: string;
  /** Where its value lies in the record: a JSON field, then the keys within; null = not said. */
  readonly path: string | null;
  readonly example: unknown;
}

/** What a change says of one field; undefined = nothing. */
export interface FieldChange {
  readonly label?: string | null;
  readonly type?: string | null;
  readonly path?: string | null;
  readonly example?: unknown;
  readonly definition?: unknown;
}

/** Beyond it a schema is not described any more but written. */
const MAX_USER_FIELDS = 1_000;
const MAX_TEXT = 255;

/**
 * Adds fields to a schema, or replaces those that were added under the same ids; all of them or none.
 * @throws `NOT_FOUND`; `REQUEST_REFUSED` naming the first field that cannot be
 */
export async function upsertUserFields(
  context: Context,
  place: SchemaPlace,
  inputs: readonly UserFieldInput[],
): Promise<void> {
  await changeOverrides(context, place, (scene) => {
    refuseWithoutSupport(scene);
    const fields = new Map(scene.overrides.userFields.map((field) => [field.id, field]));
    const seen = new Set<string>();
    for (const [index, input] of inputs.entries()) {
      const name = `fields[${index}]`;
      if (seen.has(input.id)) throw refuseField(`${name}.field_id`, `the field "${input.id}" is named twice`);
      seen.add(input.id);
      if (scene.detected.fields.some(({ id }) => id === input.id)) {
        throw refuseField(`${name}.field_id`, `"${input.id}" is a field of the source itself; choose another id`);
      }
      fields.set(input.id, toUserField(input, scene.detected, `${name}.`));
    }
    if (fields.size > MAX_USER_FIELDS)
      throw refuseField('fields', `a schema takes at most ${MAX_USER_FIELDS} added fields`);
    return { ...scene.overrides, userFields: [...fields.values()] };
  });
}

function refuseWithoutSupport({ source }: OverrideScene): void {
  if (source.capabilities.supportsUserFields === true) return;
  throw refuseField('fields', `${source.definition.label} does not read values inside of fields, so none can be added`);
}

function toUserField(input: UserFieldInput, schema: SchemaDescription, prefix: string): UserField {
  const { type, example } = input;
  if (!isUserFieldType(type)) {
    throw refuseField(`${prefix}type`, `must be one of ${USER_FIELD_TYPE_NAMES.join(', ')}`);
  }
  const field = {
    id: checkText(input.id, `${prefix}field_id`),
    label: checkText(input.label, `${prefix}label`),
    type,
    path: toPath(input.path, schema, `${prefix}path`),
  };
  return example === undefined ? field : { ...field, example };
}

function checkText(text: string, name: string): string {
  if (text.trim() === '') throw refuseField(name, 'must not be empty');
  if (text.length > MAX_TEXT) throw refuseField(name, `must have at most ${MAX_TEXT} characters`);
  return text;
}

function toPath(text: string | null, schema: SchemaDescription, name: string): readonly string[] {
  if (text === null || text.trim() === '') {
    throw refuseField(name, `say where in a JSON field of ${schema.id} the value lies, such as \`$.payload.city\``);
  }
  const path = parseJsonPath(text);
  const [holder, ...keys] = path ?? [];
  if (path === null || holder === undefined || keys.length === 0) {
    throw refuseField(name, `"${text}" names no value inside of a field; write it like \`$.payload.city\``);
  }
  const field = schema.fields.find(({ id }) => id === holder);
  if (field === undefined) throw refuseField(name, `the schema ${schema.id} has no field "${holder}"`);
  // Text may hold JSON, too; what it holds shows when it is read.
  if (field.logicalType.kind === 'json' || (field.logicalType.kind === 'text' && field.type === 'string')) return path;
  throw refuseField(name, `"${holder}" of ${schema.id} is ${field.remoteType}, which holds no JSON`);
}

/**
 * Changes a field: of one that a user added any part, of one of the source its label only.
 * @throws `NOT_FOUND`, `REQUEST_REFUSED`
 */
export async function patchField(
  context: Context,
  place: SchemaPlace,
  fieldId: string,
  change: FieldChange,
): Promise<FieldDescription> {
  const schema = await changeOverrides(context, place, ({ detected, overrides }) => {
    if (change.definition != null)
      throw refuseField('definition', 'types with a definition are not offered; use `type`');
    const added = overrides.userFields.find(({ id }) => id === fieldId);
    if (added !== undefined) return patchUserField(overrides, added, change, detected);
    if (detected.fields.some(({ id }) => id === fieldId)) return patchDetected(overrides, fieldId, change);
    throw unknownField(place, fieldId);
  });
  const field = schema.fields.find(({ id }) => id === fieldId);
  if (field === undefined) throw unknownField(place, fieldId);
  return field;
}

function patchUserField(
  overrides: SchemaOverrides,
  added: UserField,
  { label, type, path, example }: FieldChange,
  schema: SchemaDescription,
): SchemaOverrides {
  for (const [name, value] of Object.entries({ label, type, path })) {
    if (value === null || value === '') throw refuseField(name, 'a field that was added needs one');
  }
  const input = {
    id: added.id,
    label: label ?? added.label,
    type: type ?? added.type,
    path: path ?? formatJsonPath(added.path),
    example: example === undefined ? added.example : example,
  };
  const changed = toUserField(input, schema, '');
  const userFields = overrides.userFields.map((field) => (field.id === added.id ? changed : field));
  return { ...overrides, userFields };
}

function patchDetected(overrides: SchemaOverrides, fieldId: string, change: FieldChange): SchemaOverrides {
  const { label, type, path, example } = change;
  const others = Object.entries({ type, path, example }).find(([, value]) => value != null && value !== '');
  if (others !== undefined) {
    throw refuseField(
      others[0],
      `"${fieldId}" is a field of the source, which says what it holds; only its label can be changed`,
    );
  }
  if (label === undefined) return overrides;
  const { [fieldId]: _before, ...labels } = overrides.labels;
  if (label === null || label === '') return { ...overrides, labels };
  return { ...overrides, labels: { ...labels, [fieldId]: checkText(label, 'label') } };
}

/**
 * Takes an added field away.
 * @throws `NOT_FOUND`; `REQUEST_REFUSED` for a field of the source, or one that a sync has chosen
 */
export async function deleteUserField(context: Context, place: SchemaPlace, fieldId: string): Promise<void> {
  const { organizationId } = context.caller;
  await changeOverrides(context, place, async ({ detected, overrides, db }) => {
    const userFields = overrides.userFields.filter(({ id }) => id !== fieldId);
    if (userFields.length === overrides.userFields.length) {
      if (!detected.fields.some(({ id }) => id === fieldId)) throw unknownField(place, fieldId);
      throw refuseField(
        'field_id',
        `"${fieldId}" is a field of the source; only fields that were added can be deleted`,
      );
    }
    for (const row of await listSelectionsOf(db, organizationId, place)) {
      const isChosen = row.fields?.some((field) => field.id === fieldId && field.enabled) === true;
      if (!isChosen && !row.filters.some((filter) => filter.fieldId === fieldId)) continue;
      throw refuseField(
        'field_id',
        `the sync "${row.syncName}" (${row.syncId}) has chosen "${fieldId}"; take it out of its fields and filters first`,
        { syncId: row.syncId },
      );
    }
    return { ...overrides, userFields };
  });
}

function unknownField({ schemaId }: SchemaPlace, fieldId: string): SyncError {
  return new SyncError('NOT_FOUND', `The schema ${schemaId} has no field "${fieldId}".`);
}
