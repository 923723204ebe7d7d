import { describe, expect, it } from 'vitest';
import type { SchemaDescription } from '../../core/index.ts';
import type { Run } from '../../store/index.ts';
import { selectSchemas } from './select-schemas.ts';

const field = (id: string, isGenerated = false) => ({ id, name: id, isGenerated, canTrack: true });

/** A table with the key `id`, a field that changes, and one that is made of others. */
const PEOPLE = {
  id: 'people',
  name: 'people',
  fields: [field('id'), field('changed_at'), field('loud', true)],
  primaryKey: ['id'],
  estimatedRecords: null,
  estimatedBytes: null,
  // Only ids, keys and what is generated are looked at.
} as unknown as SchemaDescription;

interface Case {
  readonly mode?: string;
  readonly fetchMode?: string;
  readonly selectiveMode?: string;
  readonly tracking?: string | null;
  readonly fields?: readonly string[];
  readonly primaryKey?: readonly string[];
}

/** Why the table is left alone, or that it is not. */
function decide({ mode = 'replicate', fetchMode = 'none', tracking = 'changed_at', ...rest }: Case): string {
  const { fields = ['id', 'changed_at'], selectiveMode, primaryKey = PEOPLE.primaryKey } = rest;
  const selection = {
    schemaId: 'people',
    trackingField: tracking,
    fields: fields.map((id) => ({ id, enabled: true })),
    autoFields: null,
  };
  // The parts of a run that are looked at.
  const run = {
    execution: { fetchMode, overrides: { selectiveMode } },
    sync: { mode, automaticallyAddNewFields: 'none' },
    schemas: [selection],
  } as unknown as Run;
  const { skipped } = selectSchemas(run, new Map([['people', { ...PEOPLE, primaryKey }]]));
  return skipped[0]?.reason ?? 'read';
}

const INCREMENTAL = { fetchMode: 'incremental' };
const OTHERS = { selectiveMode: 'nonincrementalFields' };

describe('selectSchemas', () => {
  it.each<[Case, RegExp]>([
    [{}, /^read$/],
    [{ mode: 'snapshot' }, /^read$/],
    [INCREMENTAL, /^read$/],
    [{ ...INCREMENTAL, tracking: null }, /no tracking field/],
    [{ ...INCREMENTAL, mode: 'snapshot' }, /mode snapshot replaces all/],
    [{ ...INCREMENTAL, primaryKey: [] }, /without a key/],
    [{ ...INCREMENTAL, fields: ['changed_at'] }, /without a key/],
    [{ selectiveMode: 'incrementalFields' }, /^read$/],
    [{ selectiveMode: 'incrementalFields', mode: 'snapshot' }, /^read$/],
    [{ selectiveMode: 'incrementalFields', tracking: null }, /no tracking field/],
    [OTHERS, /its changes show in its tracking field/],
    [{ ...OTHERS, tracking: null }, /^read$/],
    [{ ...OTHERS, fields: ['id', 'loud'] }, /^read$/],
  ])('decides %j: %s', (given, expected) => {
    expect(decide(given)).toMatch(expected);
  });

  it.each([INCREMENTAL, OTHERS])('leaves it to the plan of the schema to miss a field: %j', (given) => {
    expect(decide({ ...given, fields: ['id', 'gone'] })).toBe('read');
  });
});
