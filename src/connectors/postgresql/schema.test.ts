import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { NEVER, openSide, type Side } from '../../../tests/setup/postgresql-loads.ts';
import type { SchemaDescription } from '../../core/index.ts';
import { fromSchemaId, toSchemaId } from './schema-id.ts';

let side: Side;
let schemas: ReadonlyMap<string, SchemaDescription>;

beforeAll(async () => {
  side = await openSide();
  await side.sql(`
    CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
    CREATE DOMAIN cents AS bigint CHECK (VALUE >= 0);
    CREATE TABLE accounts (region text, id int, mood mood NOT NULL, balance cents, doubled bigint GENERATED ALWAYS AS (id * 2) STORED, PRIMARY KEY (region, id));
    CREATE TABLE contacts (email varchar(255) PRIMARY KEY, account_region text, account_id int, seen timestamptz,
      CONSTRAINT contact_account FOREIGN KEY (account_region, account_id) REFERENCES accounts);
    CREATE VIEW happy AS SELECT * FROM accounts WHERE mood = 'happy';
    CREATE MATERIALIZED VIEW counted AS SELECT count(*) AS n FROM accounts;
    CREATE TABLE events (id bigint, day date NOT NULL, PRIMARY KEY (id, day)) PARTITION BY RANGE (day);
    CREATE TABLE events_2026 PARTITION OF events FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
    CREATE SCHEMA "odd.name"; CREATE TABLE "odd.name"."ta""ble" ("Co lumn" int);
    CREATE SCHEMA __millrace; CREATE TABLE __millrace.owners (id int); CREATE TABLE __millrace_0123_4 (id int);
    CREATE TEMP TABLE passing (id int); CREATE TABLE hollow (); COMMENT ON COLUMN accounts.region IS 'Where it is kept';
    ALTER TABLE accounts ALTER mood SET DEFAULT 'ok';
    INSERT INTO accounts SELECT 'eu', i, 'ok', i FROM generate_series(1, 5000) i;
    INSERT INTO events SELECT i, '2026-05-05' FROM generate_series(1, 3000) i;
    ALTER TABLE contacts ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
    ALTER TABLE accounts ENABLE ROW LEVEL SECURITY;
    ANALYZE`);
  schemas = new Map((await side.connector.source?.discover(NEVER))?.map((schema) => [schema.id, schema]));
});

afterAll(() => side[Symbol.asyncDispose]());

function fields(id: string) {
  return Object.fromEntries((schemas.get(id)?.fields ?? []).map((field) => [field.id, field]));
}

describe('discovery', () => {
  it('tells of row-level security where it binds the user', () => {
    expect([...schemas.values()].flatMap(({ id, notes = [] }) => notes.map((note) => [id, note]))).toEqual([
      ['public.contacts', expect.stringMatching(/^Row-level security binds \S+ in the source/)],
    ]);
  });

  it('finds tables, views and partitioned tables, without partitions, without our own and without those that have no columns', () => {
    expect([...schemas.keys()]).toEqual([
      '"odd.name"."ta""ble"',
      'public.accounts',
      'public.contacts',
      'public.counted',
      'public.events',
      'public.happy',
    ]);
  });

  it('tells the key in its own order, and estimates', () => {
    expect(schemas.get('public.accounts')).toMatchObject({
      name: 'accounts',
      primaryKey: ['region', 'id'],
      estimatedRecords: 5000,
    });
    expect(schemas.get('public.accounts')?.estimatedBytes).toBeGreaterThan(100_000);
    expect(schemas.get('public.events')).toMatchObject({ estimatedRecords: 3000 });
    expect(schemas.get('public.happy')).toMatchObject({ primaryKey: [], estimatedRecords: null, estimatedBytes: null });
  });

  it('describes fields: nullability, key, enum values, domains as their base type', () => {
    expect(fields('public.accounts')).toMatchObject({
      region: { remoteType: 'text', isNullable: false, isPrimaryKey: true, canTrack: false },
      id: { remoteType: 'integer', canTrack: true, logicalType: { kind: 'integer', bits: 32 } },
      mood: {
        remoteType: 'mood',
        type: 'string',
        values: [
          { label: 'sad', value: 'sad' },
          { label: 'ok', value: 'ok' },
          { label: 'happy', value: 'happy' },
        ],
      },
      balance: { remoteType: 'bigint', isNullable: true, isPrimaryKey: false },
      doubled: { remoteType: 'bigint', canTrack: false },
    });
  });

  it('turns foreign keys into associations, field by field', () => {
    const association = { id: 'contact_account', name: 'contact_account', referenceTo: ['public.accounts'] };
    expect(fields('public.contacts')).toMatchObject({
      account_region: { association: { ...association, referencedField: 'region' } },
      account_id: { association: { ...association, referencedField: 'id' } },
    });
    expect(fields('public.contacts').email).not.toHaveProperty('association');
  });

  it('shows a user what that user may read, and no key that is only half readable', async () => {
    const admin = new pg.Client(side.superuserUrl);
    await admin.connect();
    try {
      await admin.query('CREATE TABLE public.secret (id int PRIMARY KEY, open text, shut text)');
      expect((await side.connector.source?.discover(NEVER))?.map(({ id }) => id)).not.toContain('public.secret');
      await admin.query('GRANT SELECT (open) ON public.secret TO PUBLIC');
      const found = (await side.connector.source?.discover(NEVER))?.find(({ id }) => id === 'public.secret');
      expect(found).toMatchObject({ primaryKey: [], fields: [{ id: 'open' }] });
      expect(await side.connector.source?.sample('public.secret', 1, NEVER)).toEqual([]);
    } finally {
      await admin.query('DROP TABLE public.secret');
      await admin.end();
    }
  });

  it('samples records as JSON, without rounding', async () => {
    await side.sql(
      `CREATE TABLE sampled (big bigint, small int, d numeric, j jsonb, b bool, t timestamptz, y bytea, n text)`,
    );
    await side.sql(
      `INSERT INTO sampled VALUES (9223372036854775807, 7, 1.10, '{"a": [1]}', true, '2026-01-02 03:04:05+01', '\\x00', NULL)`,
    );
    expect(await side.connector.source?.sample('public.sampled', 5, NEVER)).toEqual([
      {
        big: '9223372036854775807',
        small: 7,
        d: '1.10',
        j: { a: [1] },
        b: true,
        t: '2026-01-02 02:04:05+00',
        y: '\\x00',
        n: null,
      },
    ]);
    await expect(side.connector.source?.sample('public.gone', 5, NEVER)).rejects.toMatchObject({
      code: 'SOURCE_CHANGED',
    });
  });

  it('lists what a model sync could write, and where it could make tables', async () => {
    expect((await side.connector.target?.listObjects(NEVER))?.map(({ id }) => id)).toEqual([
      '"odd.name"."ta""ble"',
      'public.accounts',
      'public.contacts',
      'public.events',
      'public.hollow',
      'public.sampled',
    ]);
    const [schema, name] = (await side.connector.target?.creationProperties(NEVER)) ?? [];
    expect(schema).toMatchObject({ id: 'schema', values: [{ value: 'odd.name' }, { value: 'public' }] });
    expect(name).toEqual({ id: 'name', title: 'Table name' });
  });

  it('tells what a model sync could write into each column', async () => {
    const describe = (id: string) => side.connector.target?.describeFields(id, NEVER);
    const accounts = await describe('public.accounts');
    expect(accounts?.map(({ id }) => id)).toEqual(['region', 'id', 'mood', 'balance', 'doubled']);
    const [region, , mood, balance, doubled] = accounts ?? [];
    expect(region).toEqual({
      id: 'region',
      type: 'string',
      remoteType: 'text',
      description: 'Where it is kept',
      isRequired: true,
      isCreateable: true,
      isUpdateable: true,
      isFilterable: true,
      isAssociation: false,
      identityFunctions: ['Equality'],
    });
    expect(mood).toMatchObject({ remoteType: 'mood', isRequired: false, identityFunctions: ['Equality'] });
    expect(balance).toMatchObject({ type: 'number', remoteType: 'bigint', isRequired: false });
    expect(doubled).toMatchObject({ isRequired: false, isCreateable: false, isUpdateable: false });
    const contacts = new Map((await describe('public.contacts'))?.map((field) => [field.id, field]));
    expect(contacts.get('email')).toMatchObject({
      remoteType: 'character varying(255)',
      identityFunctions: ['Equality'],
    });
    expect(contacts.get('account_id')).toMatchObject({ isAssociation: true });
    expect((await describe('"odd.name"."ta""ble"'))?.map(({ id }) => id)).toEqual(['Co lumn']);
    expect(await describe('public.hollow')).toEqual([]);
  });

  it.each(['public.happy', 'public.events_2026', 'public.gone', '__millrace.owners', 'people', 'a.b.c', ''])(
    'knows no target %j',
    async (id) => {
      expect(await side.connector.target?.describeFields(id, NEVER)).toBeNull();
    },
  );

  it('takes thousands of tables in a handful of statements', async () => {
    await side.sql(
      `CREATE SCHEMA many; DO $$ BEGIN FOR i IN 1..2000 LOOP EXECUTE format('CREATE TABLE many.t%s (id int PRIMARY KEY, note text)', i); END LOOP; END $$`,
    );
    const found = await side.connector.source?.discover(NEVER);
    expect(found?.filter(({ id }) => id.startsWith('many.'))).toHaveLength(2000);
    expect(found?.find(({ id }) => id === 'many.t1999')).toMatchObject({
      primaryKey: ['id'],
      fields: [{ id: 'id' }, { id: 'note' }],
    });
  });
});

describe('schema ids', () => {
  it.each([
    ['public', 'orders'],
    ['a.b', 'c'],
    ['a', 'b.c'],
    ['with "quotes"', 'and spaces'],
  ])('name %s . %s and nothing else', (schema, name) => {
    expect(fromSchemaId(toSchemaId({ schema, name }))).toEqual({ schema, name });
  });

  it('refuses what is no id', () => {
    for (const id of ['orders', 'a.b.c', '', '.x'])
      expect(() => fromSchemaId(id)).toThrow(expect.objectContaining({ code: 'SOURCE_CHANGED' }));
  });
});
