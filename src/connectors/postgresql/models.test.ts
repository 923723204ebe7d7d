import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectDatabase, NEVER, openSide, type Side } from '../../../tests/setup/postgresql-loads.ts';
import type { FoundRecords, ModelReader, ReadLimits } from '../../connector-kit/index.ts';

let side: Side;
let models: ModelReader;
const LIMITS: ReadLimits = { maxRecords: 10, maxBytes: 1_000_000, timeoutMs: 20_000 };

beforeAll(async () => {
  side = await openSide();
  await side.sql(`
    CREATE DOMAIN cents AS bigint;
    CREATE TABLE people (id bigint PRIMARY KEY, email varchar(255) UNIQUE, nick text, born date, paid cents, facts jsonb,
      tags text[], hidden text);
    CREATE UNIQUE INDEX ON people (nick) WHERE nick <> '';
    INSERT INTO people SELECT n, n || '@example.org', 'n' || n, '2000-01-01', 9007199254740993, '{"a": 1}', '{x,y}'
    FROM generate_series(1, 100) n;
    CREATE VIEW adults AS SELECT id, born FROM people;
    CREATE SEQUENCE counter;
    CREATE FUNCTION writing() RETURNS int LANGUAGE sql AS 'INSERT INTO people (id) VALUES (-1) RETURNING 1'`);
  if (side.connector.models === undefined) throw new Error('no models');
  models = side.connector.models;
});

afterAll(() => side[Symbol.asyncDispose]());

const query = async (text: string, limits: Partial<ReadLimits> = {}): Promise<FoundRecords> => {
  const found = await models.readQuery?.(text, { ...LIMITS, ...limits }, NEVER);
  if (found === undefined) throw new Error('no queries');
  return found;
};

describe('tables of a model', () => {
  it('are listed with views told apart', async () => {
    expect(await models.listTables?.(NEVER)).toEqual([
      { id: 'public.adults', kind: 'view' },
      { id: 'public.people', kind: 'table' },
    ]);
  });

  it('show their fields without reading a record, and what is unique', async () => {
    const found = await models.readTable?.('public.people', { ...LIMITS, maxRecords: 0 }, NEVER);
    expect(found?.records).toEqual([]);
    expect(found?.isComplete).toBe(true);
    expect(found?.fields.map(({ name, type, remoteType, isUnique }) => [name, type, remoteType, isUnique])).toEqual([
      ['id', 'number', 'bigint', true],
      ['email', 'string', 'character varying(255)', true],
      ['nick', 'string', 'text', false],
      ['born', 'datetime', 'date', false],
      ['paid', 'number', 'bigint', false],
      ['facts', 'object', 'jsonb', false],
      ['tags', 'array', 'text[]', false],
      ['hidden', 'string', 'text', false],
    ]);
  });

  it('give their first records as JSON, without a rounded number', async () => {
    const found = await models.readTable?.('public.people', { ...LIMITS, maxRecords: 1 }, NEVER);
    expect(found?.isComplete).toBe(false);
    expect(found?.records).toMatchObject([{ id: 1, paid: '9007199254740993', facts: { a: 1 }, born: '2000-01-01' }]);
  });

  it('that are not there, or are no name at all, are said to be so', async () => {
    for (const id of ['public.nothing', 'people']) {
      await expect(models.readTable?.(id, LIMITS, NEVER)).rejects.toMatchObject({ code: 'QUERY_FAILED' });
    }
  });
});

describe('a query', () => {
  it('has fields by its own names, each once, and records within the limit', async () => {
    const found = await query('SELECT id, id, 1.50 AS price FROM people ORDER BY id; ', { maxRecords: 2 });
    expect(found.fields.map(({ name, type }) => [name, type])).toEqual([
      ['id', 'number'],
      ['id_2', 'number'],
      ['price', 'number'],
    ]);
    expect(found.records).toEqual([
      { id: 1, id_2: 1, price: '1.50' },
      { id: 2, id_2: 2, price: '1.50' },
    ]);
    expect(found.isComplete).toBe(false);
    expect((await query('TABLE adults', { maxRecords: 100 })).isComplete).toBe(true);
  });

  it('ends at the limit of bytes without reading on', async () => {
    const found = await query("SELECT a.id, repeat('x', 1000) FROM people a, people b, people c, people d, people e", {
      maxRecords: 1_000_000,
      maxBytes: 50_000,
    });
    expect(found.isComplete).toBe(false);
    expect(found.records).toHaveLength(49);
  });

  it.each([
    ['two statements', 'SELECT 1; DELETE FROM people'],
    ['a statement that writes', 'DELETE FROM people'],
    ['a writing part', 'WITH gone AS (DELETE FROM people RETURNING id) SELECT * FROM gone'],
    ['a function that writes', 'SELECT writing()'],
    ['a sequence', "SELECT nextval('counter')"],
    ['the way out of reading only', "SELECT set_config('transaction_read_only', 'off', false), writing()"],
    ['the end of the transaction', 'COMMIT'],
    ['a locking clause', 'SELECT * FROM people FOR UPDATE'],
    ['what is no SQL', 'SELEC 1'],
    ['an unknown table', 'SELECT * FROM nothing'],
    ['an empty text', ''],
  ])('is refused for %s, and changes nothing', async (_what, text) => {
    await expect(query(text)).rejects.toMatchObject({ code: 'QUERY_FAILED' });
    expect(await side.sql('SELECT count(*) FROM people')).toEqual([['100']]);
  });

  it('does not tell values of records when one of them makes it fail', async () => {
    const error = await query('SELECT nick::int FROM people').catch((thrown: Error) => thrown);
    expect(error).toMatchObject({ code: 'QUERY_FAILED', message: expect.stringContaining('22P02') });
    expect(String(error)).not.toContain('n1');
  });

  it('is stopped when its time is over', async () => {
    await expect(query('SELECT pg_sleep(60)', { timeoutMs: 50 })).rejects.toMatchObject({
      code: 'QUERY_FAILED',
      message: expect.stringContaining('within 0.05 s'),
    });
  });

  it('leaves no setting to the next one', async () => {
    await query("SELECT set_config('search_path', 'nowhere', false), pg_advisory_lock(7)");
    expect((await query('SELECT count(*) AS people FROM people')).records).toEqual([{ people: 100 }]);
    expect((await query('SELECT pg_try_advisory_lock(7) AS free')).records).toEqual([{ free: true }]);
  });

  it('comes with a warning where its user may write', async () => {
    expect((await query('SELECT 1')).warnings).toEqual([expect.stringContaining('may write tables')]);
    await using powerful = await connectDatabase(side.superuserUrl);
    const found = await powerful.models?.readQuery?.('SELECT 1', LIMITS, NEVER);
    expect(found?.warnings).toEqual([expect.stringContaining('superuser')]);
  });
});
