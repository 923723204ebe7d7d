import { describe, expect, it } from 'vitest';
import { checkConfiguration, listChangedKeys } from './configuration.ts';

const DESCRIBED = {
  schema: { type: 'string', default: 'public' },
  mirror_schemas: { type: 'boolean' },
  bucket: { required: true },
  advanced: { items: { hard_deletes: { type: 'boolean' }, prefix: {} } },
} as const;

function check(configuration: Record<string, unknown>): () => void {
  return () => checkConfiguration({ bucket: 'b', ...configuration }, DESCRIBED, 'destination_configuration');
}

describe('checkConfiguration', () => {
  it('takes described keys, nested ones included, and null for what is not set', () => {
    expect(check({ schema: 'a', mirror_schemas: true, advanced: { hard_deletes: false, prefix: null } })).not.toThrow();
  });

  it.each<[string, Record<string, unknown>, RegExp]>([
    ['an unknown key', { shema: 'x' }, /`destination_configuration\.shema`.*known are schema/],
    ['a key of every object', { constructor: 'x' }, /`destination_configuration\.constructor`/],
    ['an unknown nested key', { advanced: { nope: 1 } }, /`destination_configuration\.advanced\.nope`/],
    ['a value of another type', { schema: 5 }, /`destination_configuration\.schema`: must be a string/],
    ['a list where one value belongs', { bucket: ['a'] }, /`destination_configuration\.bucket`/],
    ['a text where an object belongs', { advanced: 'x' }, /must be an object/],
    ['a required key that is empty', { bucket: '' }, /`destination_configuration\.bucket`: it is required/],
  ])('refuses %s', (_what, configuration, message) => {
    expect(check(configuration)).toThrow(message);
  });
});

describe('listChangedKeys', () => {
  it('names what differs from the default, as dotted paths', () => {
    const configuration = { schema: 'other', mirror_schemas: true, advanced: { hard_deletes: true, prefix: 'x' } };
    expect(listChangedKeys(configuration, DESCRIBED)).toEqual([
      'schema',
      'mirror_schemas',
      'advanced.hard_deletes',
      'advanced.prefix',
    ]);
  });

  it('counts the default, null, false and the empty text as unchanged', () => {
    const configuration = { schema: 'public', mirror_schemas: false, advanced: { hard_deletes: null, prefix: '' } };
    expect(listChangedKeys(configuration, DESCRIBED)).toEqual([]);
    expect(listChangedKeys(null, DESCRIBED)).toEqual([]);
  });
});
