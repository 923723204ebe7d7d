import { describe, expect, it } from 'vitest';
import type { FieldDescription, SchemaDescription } from '../../../core/index.ts';
import { type FieldSelection, resolveSelection, type SchemaSelection, type SelectionRules } from './selection.ts';

const NAMING = { rule: 'enabled', maxBytes: 63, distinguishesCase: true, columnPrefix: '__millrace_' } as const;
const RULES: SelectionRules = { supportsTrackingFields: true, naming: NAMING };

function field(id: string, canTrack = false): FieldDescription {
  return {
    id,
    name: id,
    type: 'string',
    remoteType: 'text',
    logicalType: { kind: 'text' },
    isNullable: true,
    isPrimaryKey: id === 'id',
    canTrack,
  };
}

function schema(id: string): SchemaDescription {
  const fields = [field('id'), field('name'), field('updated_at', true)];
  return { id, name: id, fields, primaryKey: ['id'], estimatedRecords: null, estimatedBytes: null };
}

const SOURCE = [schema('public.orders'), schema('public.users')];

function select(id: string, options: Partial<SchemaSelection> = {}): SchemaSelection {
  return {
    id,
    enabled: true,
    fields: [],
    filters: [],
    trackingField: null,
    partitionKey: null,
    dataCutoffTimestamp: null,
    disableDataCutoff: false,
    userOutputName: null,
    ...options,
  };
}

function enabledIds(selection: readonly SchemaSelection[] | null): string[] {
  return resolveSelection(selection, SOURCE, RULES).flatMap((row) => (row.enabled ? [row.schemaId] : []));
}

describe('resolveSelection', () => {
  it('takes every schema when there is no selection, none when it is empty, else those named', () => {
    expect(enabledIds(null)).toEqual(['public.orders', 'public.users']);
    expect(enabledIds([])).toEqual([]);
    expect(enabledIds([select('public.users')])).toEqual(['public.users']);
    expect(enabledIds([select('public.users', { enabled: false })])).toEqual([]);
  });

  it('writes down schemas that are left out, so that later ones can be told apart', () => {
    expect(resolveSelection([], SOURCE, RULES).map((row) => row.schemaId)).toEqual(['public.orders', 'public.users']);
  });

  it('keeps all fields, later ones included, when no field is named', () => {
    const [row] = resolveSelection([select('public.orders')], SOURCE, RULES);
    expect(row?.fields).toBeNull();
  });

  it('writes down every field, and enables those named', () => {
    const fields = [{ id: 'name', enabled: true, obfuscated: true, userOutputName: null }];
    const [row] = resolveSelection([select('public.orders', { fields })], SOURCE, RULES);
    expect(JSON.parse(row?.fields ?? '')).toEqual([
      { id: 'id', enabled: false, obfuscated: false, userOutputName: null },
      { id: 'name', enabled: true, obfuscated: true, userOutputName: null },
      { id: 'updated_at', enabled: false, obfuscated: false, userOutputName: null },
    ]);
  });

  it('takes a tracking field that can show changes', () => {
    const [row] = resolveSelection([select('public.orders', { trackingField: 'updated_at' })], SOURCE, RULES);
    expect(row?.trackingField).toBe('updated_at');
  });

  const named = { enabled: true, obfuscated: false, userOutputName: null };
  const call = (id: string, userOutputName: string): FieldSelection => ({ id, ...named, userOutputName });
  it.each<[string, readonly SchemaSelection[], RegExp]>([
    ['an unknown schema', [select('public.orders'), select('public.nope')], /`schemas\[1\]`.*"public\.nope"/],
    ['a schema named twice', [select('public.orders'), select('public.orders')], /`schemas\[1\]`.*twice/],
    [
      'an unknown field',
      [select('public.orders', { fields: [{ id: 'nope', ...named }] })],
      /`schemas\[0\]\.fields\[0\]`.*public\.orders has no field "nope"/,
    ],
    [
      'a field named twice',
      [
        select('public.orders', {
          fields: [
            { id: 'id', ...named },
            { id: 'id', ...named },
          ],
        }),
      ],
      /`schemas\[0\]\.fields\[1\]`.*twice/,
    ],
    [
      'a selection without any enabled field',
      [select('public.orders', { fields: [{ id: 'id', ...named, enabled: false }] })],
      /`schemas\[0\]\.fields`.*no field/,
    ],
    [
      'an unknown tracking field',
      [select('public.orders', { trackingField: 'nope' })],
      /`schemas\[0\]\.tracking_field`/,
    ],
    ['a tracking field that cannot track', [select('public.orders', { trackingField: 'name' })], /cannot show changes/],
    ['a partition key', [select('public.orders', { partitionKey: 'id' })], /`schemas\[0\]\.partition_key`/],
    [
      'a filter on an unknown field',
      [select('public.orders', { filters: [{ fieldId: 'nope', function: 'IsNull', value: undefined }] })],
      /`schemas\[0\]\.filters\[0\]\.field_id`/,
    ],
    [
      'a filter without a field',
      [select('public.orders', { filters: [{ fieldId: null, function: 'IsNull', value: undefined }] })],
      /`schemas\[0\]\.filters\[0\]\.field_id`.*needs a field/,
    ],
    [
      'a filter that does not fit its field',
      [select('public.orders', { filters: [{ fieldId: 'name', function: 'True', value: undefined }] })],
      /`schemas\[0\]\.filters\[0\]`.*"name" of public\.orders/,
    ],
    [
      'a cutoff without a tracking field',
      [select('public.orders', { dataCutoffTimestamp: new Date(0) })],
      /`schemas\[0\]\.data_cutoff_timestamp`.*has none/,
    ],
    [
      'a column name that Millrace uses itself',
      [select('public.orders', { fields: [call('name', '__millrace_created_at')] })],
      /`schemas\[0\]\.fields\[0\]\.user_output_name`.*Millrace adds/,
    ],
    [
      'a blank column name',
      [select('public.orders', { fields: [call('name', '  ')] })],
      /`schemas\[0\]\.fields\[0\]\.user_output_name`: must not be empty/,
    ],
    [
      'one column name for two fields',
      [select('public.orders', { fields: [call('id', 'same'), call('name', 'same')] })],
      /`schemas\[0\]\.fields\[1\]\.user_output_name`.*of "id"/,
    ],
    [
      'the column name of another selected field',
      [select('public.orders', { fields: [call('id', 'name'), { id: 'name', ...named }] })],
      /`schemas\[0\]\.fields\[0\]\.user_output_name`.*of "name"/,
    ],
    [
      'a table name that is too long for the destination',
      [select('public.orders', { userOutputName: 'x'.repeat(64) })],
      /`schemas\[0\]\.user_output_name`.*63 bytes/,
    ],
  ])('refuses %s by name', (_what, selection, message) => {
    expect(() => resolveSelection(selection, SOURCE, RULES)).toThrow(message);
  });

  it('lets two fields change names, and a field take the name of one that is not selected', () => {
    const swapped = [call('id', 'name'), call('name', 'id')];
    for (const fields of [swapped, [call('id', 'name')]]) {
      expect(() => resolveSelection([select('public.orders', { fields })], SOURCE, RULES)).not.toThrow();
    }
  });

  it('refuses a tracking field where the source does not support them', () => {
    const selection = [select('public.orders', { trackingField: 'updated_at' })];
    expect(() => resolveSelection(selection, SOURCE, { ...RULES, supportsTrackingFields: false })).toThrow(
      /does not support/,
    );
  });
});
