import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startPooler } from '../../../tests/setup/pgbouncer.ts';
import { connectDatabase, copySchema, NEVER, openSide, type Side } from '../../../tests/setup/postgresql-loads.ts';
import { hasCommand } from '../../../tests/setup/system-packages.ts';

describe.skipIf(!hasCommand('pgbouncer'))('a pooler', () => {
  let side: Side;

  beforeAll(async () => {
    side = await openSide();
    // Somebody else's wish, which a pool hands on.
    await side.sql(
      `DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET bytea_output = escape', current_database()); END $$`,
    );
    await side.sql('CREATE TABLE t AS SELECT i AS id FROM generate_series(1, 1000) i');
  });

  afterAll(() => side[Symbol.asyncDispose]());

  it('in transaction mode is named, at a check and when a sync reads or writes', async () => {
    await using pooler = await startPooler(side.url, 'transaction');
    await using connector = await connectDatabase(pooler.url);
    const named = { code: 'CONN_POOLER', message: expect.stringContaining('pool_mode = session') };
    await expect(connector.check(NEVER)).rejects.toMatchObject(named);
    await expect(connector.source?.openSnapshot(NEVER)).rejects.toMatchObject(named);
    await expect(connector.destination?.inspect({ schema: 'public', name: 't' }, NEVER)).rejects.toMatchObject(named);
  });

  it('in transaction mode is named where several of its sessions are free', async () => {
    await using pooler = await startPooler(side.url, 'transaction');
    await using stack = new AsyncDisposableStack();
    const others = await Promise.all(Array.from({ length: 5 }, () => openOther(pooler.url)));
    for (const other of others) stack.use(other);
    await Promise.all(others.map((other) => other.query('BEGIN')));
    await Promise.all(others.map((other) => other.query('COMMIT')));
    await using connector = await connectDatabase(pooler.url);
    await expect(connector.check(NEVER)).rejects.toMatchObject({ code: 'CONN_POOLER' });
  });

  it('in transaction mode keeps none of our settings for its other users', async () => {
    await using pooler = await startPooler(side.url, 'transaction', 1);
    await using connector = await connectDatabase(pooler.url);
    await expect(connector.check(NEVER)).rejects.toMatchObject({ code: 'CONN_POOLER' });
    await using other = await openOther(pooler.url);
    expect(await other.query('SHOW bytea_output')).toEqual(['escape']);
  });

  it('in session mode carries a copy', async () => {
    await using pooler = await startPooler(side.url, 'session');
    await using both = await connectDatabase(pooler.url);
    await both.check(NEVER);
    const plan = { table: { schema: 'public', name: 'copied' } };
    const { found, expected } = await copySchema({ source: both, destination: both, schemaId: 'public.t', plan });
    expect(found).toEqual(expected);
    expect(found.records).toBe(1000);
  });

  it('in session mode with a single session passes a check', async () => {
    await using pooler = await startPooler(side.url, 'session', 1);
    await using connector = await connectDatabase(pooler.url);
    await connector.check(NEVER);
  });

  /** A client of the pooler beside us. */
  async function openOther(url: string) {
    const client = new pg.Client(url);
    await client.connect();
    return {
      query: async (sql: string) => (await client.query({ text: sql, rowMode: 'array' })).rows.flat(),
      [Symbol.asyncDispose]: () => client.end(),
    };
  }
});
