import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { queryDatabase } from '../../../../tests/setup/databases.ts';
import { useCopies } from '../../../../tests/setup/postgresql-copies.ts';
import { createDatabaseContext, NEVER } from '../../../../tests/setup/postgresql-loads.ts';
import { postgresConfiguration } from '../../../../tests/setup/syncs.ts';
import { createRoute } from '../client/route.ts';
import { Session } from '../client.ts';
import { postgresqlConfig } from '../config.ts';
import { SessionPool } from '../sessions.ts';
import { digestByKey, isKeyListed } from './digest-by-key.ts';
import { readLiveTable } from './live-table.ts';
import { nameObjects } from './naming.ts';

/** As many as fill two lists of staged keys and a part of a third. */
const RECORDS = 30_000;
const { copy, source, destination } = useCopies('public.keyed', 'CREATE SCHEMA IF NOT EXISTS public');

/** A table whose key is made from a number `i`. */
async function makeKeyed(type: string, key: string): Promise<void> {
  await source.sql(`CREATE TABLE keyed (id ${type} PRIMARY KEY, n int, filler text);
    INSERT INTO keyed SELECT ${key}, i, repeat('filler', 30) FROM generate_series(1, ${RECORDS}) i`);
}

/** A change of most records and some new ones, loaded as a delta of all. */
async function copyDelta(type: string, key: string) {
  await makeKeyed(type, key);
  await copy();
  await source.sql(`UPDATE keyed SET n = n + 1 WHERE n % 3 > 0;
    INSERT INTO keyed SELECT ${key}, i, 'new' FROM generate_series(${RECORDS + 1}, ${RECORDS + 100}) i`);
  return () => copy({ plan: { kind: 'delta' } });
}

it.each([
  ['bigint', 'i * 7'],
  ['smallint', 'i - 20000'],
  ['numeric(12,2)', 'i / 100.0'],
  ['text', `'näme ' || i`],
  ['character varying(40)', `'it''s ' || i`],
  ['uuid', 'md5(i::text)::uuid'],
  ['date', `'2000-01-01'::date + i`],
  ['timestamp with time zone', `'2026-03-29 00:00+00'::timestamptz + i * interval '1 minute'`],
])('finds all records of a delta again by lists of its keys: %s', async (type, key) => {
  const { counts, expected, found } = await (await copyDelta(type, key))();
  expect(counts).toMatchObject({ inserted: 100, updated: RECORDS - RECORDS / 3, unchanged: RECORDS / 3 });
  expect(found).toEqual(expected);
});

it.each([
  ['real', 'i'],
  ['bytea', `decode(md5(i::text), 'hex')`],
  ['int[]', 'ARRAY[i, -i]'],
])('finds them one by one where a list is none, or none that an index knows: %s', async (type, key) => {
  const { expected, found } = await (await copyDelta(type, key))();
  expect(found).toEqual(expected);
});

it('tells a record that the table swallowed', async () => {
  const delta = await copyDelta('bigint', 'i');
  await destination.sql(`CREATE FUNCTION swallow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
    CREATE TRIGGER swallow BEFORE UPDATE ON keyed FOR EACH ROW WHEN (OLD.id = 29999) EXECUTE FUNCTION swallow()`);
  const { expected, found } = await delta();
  expect(found.records).toBe(expected.records);
  expect(found.sum).not.toBe(expected.sum);
});

it('leaves out what is marked as deleted', async () => {
  const delta = await copyDelta('bigint', 'i');
  await destination.sql(`ALTER TABLE keyed ADD __millrace_deleted_at timestamptz;
    CREATE FUNCTION mark() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.__millrace_deleted_at = now(); RETURN NEW; END';
    CREATE TRIGGER mark BEFORE UPDATE ON keyed FOR EACH ROW WHEN (OLD.id = 29999) EXECUTE FUNCTION mark()`);
  const { expected, found } = await delta();
  expect(found.records).toBe(expected.records - 1);
});

describe('a list of staged keys', () => {
  const ROLE = `lists_${process.pid}`;
  beforeAll(() => queryDatabase(destination.superuserUrl, `CREATE ROLE ${ROLE} LOGIN PASSWORD 'lists'`));
  afterEach(() => vi.restoreAllMocks());
  afterAll(() => queryDatabase(destination.superuserUrl, `DROP OWNED BY ${ROLE}; DROP ROLE ${ROLE}`));

  it.each([2, 1])('is read by as many sessions as the role may have: %i', async (places) => {
    await makeKeyed('bigint', 'i');
    const { plan, expected } = await copy();
    await destination.sql(`CREATE TABLE stage AS SELECT * FROM keyed;
      GRANT USAGE ON SCHEMA public TO ${ROLE}; GRANT SELECT ON keyed, stage TO ${ROLE}`);
    await queryDatabase(destination.superuserUrl, `ALTER ROLE ${ROLE} CONNECTION LIMIT ${places}`);
    await using pool = openPool();
    const waiting = places === 2 ? await pool.acquire(NEVER) : null;
    const reading = vi.spyOn(Session.prototype, 'copyOut');
    const found = await pool.use(NEVER, async (session) => {
      const names = { ...nameObjects(plan), scratch: 'stage' };
      const live = await readLiveTable(session, plan.table, NEVER);
      const scope = { plan: { ...plan, kind: 'delta' }, names, range: null, live } as const;
      const all = { ...scope, countsOnly: false, isPublished: true, refused: [] };
      expect(isKeyListed(session, all)).toBe(true);
      if (waiting !== null) await pool.release(waiting);
      return digestByKey(pool, session, all, NEVER);
    });
    expect(found).toEqual(expected);
    expect(new Set(reading.mock.contexts).size).toBe(places);
  });

  function openPool(): SessionPool {
    const url = new URL(destination.url);
    url.username = ROLE;
    url.password = 'lists';
    const config = postgresqlConfig.parse(postgresConfiguration(url.href));
    const context = createDatabaseContext();
    return new SessionPool({ config, context, route: createRoute(config, context), side: 'destination' });
  }
});
