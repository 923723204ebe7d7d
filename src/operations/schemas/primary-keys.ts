import type { SchemaDescription } from '../../core/index.ts';
import type { Context } from '../context.ts';
import { refuseField } from '../refusals.ts';
import { changeOverrides, type SchemaPlace } from './overrides.ts';

/** Whether a field belongs to the key that a user sets. */
export interface KeyEntry {
  readonly fieldId: string;
  readonly isPrimaryKey: boolean;
}

/**
 * Sets the key of a schema in the place of the detected one: the marked fields, in that order; none marked = no key.
 * @throws `NOT_FOUND`; `REQUEST_REFUSED` naming a field that cannot be part of a key
 */
export async function setPrimaryKey(context: Context, place: SchemaPlace, entries: readonly KeyEntry[]): Promise<void> {
  await changeOverrides(context, place, ({ shown, overrides }) => ({
    ...overrides,
    primaryKey: toKey(entries, shown),
  }));
}

function toKey(entries: readonly KeyEntry[], schema: SchemaDescription): string[] {
  if (entries.length === 0) {
    throw refuseField(
      'fields',
      'name the fields of the key; for none, name a field with `is_primary_key` false, and delete the override for the detected key',
    );
  }
  const key: string[] = [];
  const seen = new Set<string>();
  for (const [index, { fieldId, isPrimaryKey }] of entries.entries()) {
    const name = `fields[${index}].field_id`;
    const field = schema.fields.find(({ id }) => id === fieldId);
    if (field === undefined) throw refuseField(name, `the schema ${schema.id} has no field "${fieldId}"`);
    if (seen.has(fieldId)) throw refuseField(name, `the field "${fieldId}" is named twice`);
    seen.add(fieldId);
    if (!isPrimaryKey) continue;
    if (field.userPath !== undefined) {
      throw refuseField(name, `"${fieldId}" was added to the schema, and a value inside of JSON may be missing`);
    }
    if (field.logicalType.kind === 'json')
      throw refuseField(name, `"${fieldId}" of ${schema.id} holds JSON, which cannot tell records apart`);
    key.push(fieldId);
  }
  return key;
}

/** Goes back to the key that the source has. @throws `NOT_FOUND` */
export async function resetPrimaryKey(context: Context, place: SchemaPlace): Promise<void> {
  await changeOverrides(context, place, ({ overrides }) => ({ ...overrides, primaryKey: null }));
}
