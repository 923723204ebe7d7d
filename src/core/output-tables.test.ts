import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nameKey } from './names.ts';
import { assignColumns, assignTables, readDestinationOptions, splitSchemaId } from './output-tables.ts';

const NAMING = { rule: 'enabled', maxBytes: 63, distinguishesCase: true, defaultSchema: 'main' } as const;
const PLAIN = { schema: null, mirrorSchemas: false, tablePrefix: '' };
const EARLY = new Date(1_000);
const LATE = new Date(2_000);

function enabled(schemaId: string, given: { userOutputName?: string; enabledAt?: Date } = {}) {
  return { schemaId, userOutputName: given.userOutputName ?? null, enabledAt: given.enabledAt ?? EARLY };
}

function shown(...[schemas, options, naming]: Parameters<typeof assignTables>) {
  const tables = [...assignTables(schemas, options, naming)];
  return Object.fromEntries(tables.map(([id, { schema, name }]) => [id, `${schema}.${name}`]));
}

describe('the tables of a sync', () => {
  it('leave the source’s schema out and give the plain name to the first id, whatever the order', () => {
    const schemas = ['public.users', 'Contact', 'app.Users'].map((id) => enabled(id));
    const expected = { 'app.Users': 'main.users', 'public.users': 'main.users_', Contact: 'main.contact' };
    expect(shown(schemas, PLAIN, NAMING)).toEqual(expected);
    expect(shown(schemas.toReversed(), PLAIN, NAMING)).toEqual(expected);
  });

  it('keep their names when another schema is disabled, enabled again or lost, as long as the rule could give them', () => {
    const users = { ...enabled('public.users'), lastTable: { schema: 'main', name: 'users_' } };
    const other = { ...enabled('app.users'), lastTable: { schema: 'main', name: 'users' } };
    expect(shown([users], PLAIN, NAMING)).toEqual({ 'public.users': 'main.users_' });
    const again = { ...other, enabledAt: LATE };
    expect(shown([users, again], PLAIN, NAMING)).toEqual({ 'public.users': 'main.users_', 'app.users': 'main.users' });
    expect(shown([users], { ...PLAIN, tablePrefix: 'a_' }, NAMING)).toEqual({ 'public.users': 'main.a_users' });
    expect(shown([users], { ...PLAIN, schema: 'b' }, NAMING)).toEqual({ 'public.users': 'b.users' });
    const chosen = { ...users, userOutputName: 'users' };
    expect(shown([chosen, { ...other, isRetired: true }], PLAIN, NAMING)).toEqual({ 'public.users': 'main.users' });
  });

  it('leave the name of a disabled schema’s table to it', () => {
    const retired = { ...enabled('app.users'), lastTable: { schema: 'main', name: 'users' }, isRetired: true };
    expect(shown([enabled('public.users'), retired], PLAIN, NAMING)).toEqual({ 'public.users': 'main.users_' });
    expect(shown([enabled('public.users'), retired], { ...PLAIN, schema: 'b' }, NAMING)).toEqual({
      'public.users': 'b.users',
    });
  });

  it('keep their names when a schema that sorts before them is enabled later', () => {
    const schemas = [enabled('public.users'), enabled('app.users', { enabledAt: LATE })];
    expect(shown(schemas, PLAIN, NAMING)).toEqual({ 'public.users': 'main.users', 'app.users': 'main.users_' });
  });

  it('carry the prefix, but not those whose names were chosen', () => {
    const schemas = [enabled('public.Users'), enabled('public.orders', { userOutputName: 'Sales' })];
    expect(shown(schemas, { ...PLAIN, schema: 'landing', tablePrefix: 'Raw_' }, NAMING)).toEqual({
      'public.Users': 'landing.Raw_users',
      'public.orders': 'landing.Sales',
    });
  });

  it('stand in schemas named like the source’s, where these are mirrored and the source has them', () => {
    const schemas = ['app.users', 'Public.users', 'Contact'].map((id) => enabled(id));
    expect(shown(schemas, { ...PLAIN, mirrorSchemas: true, schema: 'landing' }, NAMING)).toEqual({
      'app.users': 'app.users',
      'Public.users': 'Public.users',
      Contact: 'landing.contact',
    });
  });

  it('keep apart where two mirrored schemas are one to the destination', () => {
    const schemas = ['App.users', 'app.users'].map((id) => enabled(id));
    const naming = { ...NAMING, distinguishesCase: false };
    expect(shown(schemas, { ...PLAIN, mirrorSchemas: true }, naming)).toEqual({
      'App.users': 'App.users',
      'app.users': 'App.users_',
    });
  });

  it('are never two of one name, by any options', () => {
    const part = fc.string({ unit: fc.constantFrom(...'aA_1."é'), minLength: 1, maxLength: 8 });
    const schema = fc.record({
      schemaId: fc.oneof(
        part,
        fc.tuple(part, part).map(([one, two]) => `${one}.${two}`),
      ),
      userOutputName: fc.option(part),
      enabledAt: fc.constantFrom(EARLY, LATE),
    });
    const schemas = fc.uniqueArray(schema, { selector: ({ schemaId }) => schemaId, maxLength: 20 });
    const options = fc.record({
      schema: fc.option(part),
      mirrorSchemas: fc.boolean(),
      tablePrefix: fc.constantFrom('', 'P_'),
    });
    const naming = fc.record({
      rule: fc.constantFrom('enabled' as const, 'disabled' as const, 'legacy' as const),
      maxBytes: fc.constantFrom(null, 24),
      distinguishesCase: fc.boolean(),
      defaultSchema: fc.constant('main'),
    });
    fc.assert(
      fc.property(schemas, options, naming, (given, by, how) => {
        const tables = [...assignTables(given, by, how).values()];
        const keys = tables.map(({ schema: place, name }) =>
          nameKey(JSON.stringify([place, name]), how.distinguishesCase),
        );
        expect(tables).toHaveLength(given.length);
        expect(new Set(keys).size).toBe(given.length);
      }),
    );
  });
});

describe('the columns of a table', () => {
  it('keep clear of ours, and chosen names win', () => {
    const fields = ['ID', 'own_created_at', 'id'].map((id) => ({ id, name: id }));
    const selected = [{ id: 'id', userOutputName: 'id' }];
    const naming = { ...NAMING, columnPrefix: 'own_' };
    expect(Object.fromEntries(assignColumns(fields, selected, naming))).toEqual({
      ID: 'id_',
      own_created_at: 'own_created_at_',
      id: 'id',
    });
  });
});

describe('the destination’s options', () => {
  it('are read from the configuration as the API has it', () => {
    const advanced = { table_prefix: 'raw_', truncate_existing: true, hard_deletes: true };
    expect(readDestinationOptions({ schema: 'landing', mirror_schemas: true, advanced })).toEqual({
      schema: 'landing',
      mirrorSchemas: true,
      tablePrefix: 'raw_',
      truncateExisting: true,
      hardDeletes: true,
    });
  });

  it('are off where they are not set, or set to nothing', () => {
    const nothing = {
      schema: null,
      mirrorSchemas: false,
      tablePrefix: '',
      truncateExisting: false,
      hardDeletes: false,
    };
    expect(readDestinationOptions({})).toEqual(nothing);
    expect(readDestinationOptions({ schema: '', mirror_schemas: '', advanced: null })).toEqual(nothing);
  });
});

describe('splitSchemaId', () => {
  it.each([
    ['public.users', 'public', 'users'],
    ['"my.schema".users', 'my.schema', 'users'],
    ['public."odd.name"', 'public', 'odd.name'],
    ['public."say ""hi"" "', 'public', 'say "hi" '],
    ['a.b.c', 'a', 'b.c'],
    ['Contact', null, 'Contact'],
    ['"sales.2024"', null, 'sales.2024'],
  ])('finds in %s the schema %s and the table %s', (id, schema, name) => {
    expect(splitSchemaId(id)).toEqual({ schema, name });
  });
});
