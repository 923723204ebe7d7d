import { describe, expect, it } from 'vitest';
import type { FieldDescription, SchemaDescription } from './fields.ts';
import { applyOverrides, NO_OVERRIDES, type UserField } from './schema-overrides.ts';

const SCHEMA: SchemaDescription = {
  id: 'public.orders',
  name: 'orders',
  fields: [column('id', true), column('email', false), column('payload', false)],
  primaryKey: ['id'],
  estimatedRecords: null,
  estimatedBytes: null,
};

function column(id: string, isPrimaryKey: boolean): FieldDescription {
  const logicalType = { kind: 'text' } as const;
  return {
    id,
    name: id,
    type: 'string',
    remoteType: 'text',
    logicalType,
    isNullable: true,
    isPrimaryKey,
    canTrack: true,
  };
}

const CITY: UserField = { id: 'city', label: 'City', type: 'string', path: ['payload', 'address', 'city'] };

describe('applyOverrides', () => {
  it('changes nothing where nothing is overridden', () => {
    expect(applyOverrides(SCHEMA, undefined)).toBe(SCHEMA);
    expect(applyOverrides(SCHEMA, NO_OVERRIDES)).toEqual(SCHEMA);
  });

  it('adds user fields behind the detected ones, never as tracking field', () => {
    const { fields } = applyOverrides(SCHEMA, { ...NO_OVERRIDES, userFields: [CITY] });
    expect(fields.map(({ id }) => id)).toEqual(['id', 'email', 'payload', 'city']);
    expect(fields.at(-1)).toMatchObject({ name: 'City', userPath: CITY.path, canTrack: false, isNullable: true });
  });

  it.each([
    ['whose JSON field is gone', { ...CITY, path: ['gone', 'city'] }],
    ['whose id a column has taken', { ...CITY, id: 'email' }],
  ])('leaves out a user field %s', (_what, field) => {
    expect(applyOverrides(SCHEMA, { ...NO_OVERRIDES, userFields: [field] })).toEqual(SCHEMA);
  });

  it('names detected fields anew', () => {
    const { fields } = applyOverrides(SCHEMA, { ...NO_OVERRIDES, labels: { email: 'E-Mail', gone: 'x' } });
    expect(fields.map(({ name }) => name)).toEqual(['id', 'E-Mail', 'payload']);
  });

  it('leaves names alone that every object has', () => {
    const schema = { ...SCHEMA, fields: [column('constructor', false), column('__proto__', false)] };
    const { fields } = applyOverrides(schema, NO_OVERRIDES);
    expect(fields.map(({ name }) => name)).toEqual(['constructor', '__proto__']);
  });

  it('takes the key of the user in its order, also none', () => {
    const keyed = applyOverrides(SCHEMA, { ...NO_OVERRIDES, primaryKey: ['email', 'id'] });
    expect(keyed.primaryKey).toEqual(['email', 'id']);
    expect(keyed.fields.map(({ isPrimaryKey }) => isPrimaryKey)).toEqual([true, true, false]);
    const keyless = applyOverrides(SCHEMA, { ...NO_OVERRIDES, primaryKey: [] });
    expect([keyless.primaryKey, keyless.fields.some(({ isPrimaryKey }) => isPrimaryKey)]).toEqual([[], false]);
  });

  it('falls back to the detected key when a field of the key is gone', () => {
    expect(applyOverrides(SCHEMA, { ...NO_OVERRIDES, primaryKey: ['email', 'gone'] })).toEqual(SCHEMA);
  });
});
