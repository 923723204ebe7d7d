import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestDatabase, queryDatabase, type TestDatabase } from '../../../../tests/setup/databases.ts';
import { connectDatabase, NEVER, openSide, type Side } from '../../../../tests/setup/postgresql-loads.ts';
import type { Connector } from '../../../connector-kit/index.ts';

let side: Side;
let again: Connector;
let other: TestDatabase;
let elsewhere: Connector;

beforeAll(async () => {
  side = await openSide();
  again = await connectDatabase(side.url);
  other = await createTestDatabase();
  elsewhere = await connectDatabase(other.url);
  const tables = `
    CREATE TABLE plain (id int PRIMARY KEY);
    CREATE TABLE parted (id int) PARTITION BY RANGE (id);
    CREATE TABLE part PARTITION OF parted FOR VALUES FROM (0) TO (10);
    CREATE VIEW seen AS SELECT id FROM plain;
    CREATE MATERIALIZED VIEW kept AS SELECT s.id FROM seen s JOIN parted p USING (id);
    CREATE TABLE "a.b" (id int)`;
  await side.sql(tables);
  await queryDatabase(other.url, tables);
});

afterAll(async () => {
  await elsewhere[Symbol.asyncDispose]();
  await other[Symbol.asyncDispose]();
  await again[Symbol.asyncDispose]();
  await side[Symbol.asyncDispose]();
});

async function find(through: Connector, schemaIds: readonly string[], names: readonly string[]) {
  const into = await through.destination?.identify?.(NEVER);
  if (into === undefined) throw new Error('a destination that does not say which it is');
  const tables = names.map((name) => ({ schema: 'public', name }));
  const found = await side.connector.source?.findOverwritten?.({ schemaIds, tables, into }, NEVER);
  return found?.map(({ schemaId, table }) => `${schemaId} < ${table.name}`);
}

describe('tables that are written while they are read', () => {
  it.each([
    ['the table itself', ['public.plain'], ['plain', 'new'], ['public.plain < plain']],
    ['that of another schema', ['public.parted', 'public.plain'], ['plain'], ['public.plain < plain']],
    ['a partition', ['public.parted'], ['part'], ['public.parted < part']],
    ['the whole of a partition', ['public.part'], ['parted'], ['public.part < parted']],
    ['what a view reads', ['public.seen'], ['plain'], ['public.seen < plain']],
    [
      'what a view reads through others',
      ['public.kept'],
      ['part', 'plain'],
      ['public.kept < part', 'public.kept < plain'],
    ],
    ['a name that is quoted', ['public."a.b"'], ['a.b'], ['public."a.b" < a.b']],
    ['none', ['public.plain'], ['parted', 'seen', 'a.b'], []],
  ])('are found: %s', async (_, schemaIds, names, expected) => {
    expect(await find(again, schemaIds, names)).toEqual(expected);
  });

  it('are none in another database of the same server', async () => {
    expect(await find(elsewhere, ['public.plain'], ['plain'])).toEqual([]);
  });

  it('are found for a role that may not look into the control file', async () => {
    await queryDatabase(side.superuserUrl, 'REVOKE EXECUTE ON FUNCTION pg_control_system() FROM PUBLIC');
    expect(await again.source?.identify?.(NEVER)).toEqual({ running: expect.any(String), history: null });
    expect(await find(again, ['public.plain'], ['plain'])).toEqual(['public.plain < plain']);
  });

  it.each(['pg_control_checkpoint', 'pg_postmaster_start_time'])(
    'are looked for as far as a server says which it is: not by %s()',
    async (name) => {
      const database = new URL(side.url).pathname.slice(1);
      const result = name === 'pg_control_checkpoint' ? '(OUT timeline_id int)' : '() RETURNS timestamptz';
      await side.sql(`CREATE SCHEMA IF NOT EXISTS shadow;
        CREATE FUNCTION shadow.${name}${result} LANGUAGE plpgsql AS $$ BEGIN RAISE 'not here' USING ERRCODE = '55000'; END $$;
        ALTER DATABASE ${database} SET search_path = shadow, pg_catalog, public`);
      await using shadowed = await connectDatabase(side.url);
      const isKnown = name === 'pg_control_checkpoint';
      expect(await shadowed.source?.identify?.(NEVER)).toEqual({
        running: isKnown ? expect.any(String) : null,
        history: null,
      });
      expect(await find(shadowed, ['public.plain'], ['plain'])).toEqual(isKnown ? ['public.plain < plain'] : []);
    },
  );
});
