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

  it.each(['transaction', 'statement'] as const)(
    'in %s mode is named, at a check and when a sync reads or writes',
    async (mode) => {
      await using pooler = await startPooler(side.url, mode);
      await using connector = await connectDatabase(pooler.url);
      const told = `is a pooler that lends server sessions for single ${mode}s.`;
      const named = { code: 'CONN_POOLER', message: expect.stringMatching(`${told}.*pool_mode = session`) };
      await expect(connector.check(NEVER)).rejects.toMatchObject(named);
      await expect(connector.source?.openSnapshot(NEVER)).rejects.toMatchObject(named);
      await expect(connector.destination?.inspect({ schema: 'public', name: 't' }, NEVER)).rejects.toMatchObject(named);
    },
  );

  it.each(['transaction', 'statement'] as const)(
    'in %s mode is named where several of its sessions are free',
    async (mode) => {
      await using pooler = await startPooler(side.url, mode);
      await using stack = new AsyncDisposableStack();
      const others = await Promise.all(Array.from({ length: 5 }, () => openOther(pooler.url)));
      for (const other of others) stack.use(other);
      // All at once, each has a session of the server for itself.
      await Promise.all(others.map((other) => other.query('SELECT pg_sleep(0.2)')));
      await using connector = await connectDatabase(pooler.url);
      const message = expect.stringContaining(`for single ${mode}s.`);
      await expect(connector.check(NEVER)).rejects.toMatchObject({ code: 'CONN_POOLER', message });
    },
  );

  it.each(['transaction', 'statement'] as const)(
    'in %s mode keeps none of our settings for its other users',
    async (mode) => {
      await using pooler = await startPooler(side.url, mode, 1);
      await using connector = await connectDatabase(pooler.url);
      await expect(connector.check(NEVER)).rejects.toMatchObject({ code: 'CONN_POOLER' });
      await using other = await openOther(pooler.url);
      expect(await other.query('SHOW bytea_output')).toEqual(['escape']);
    },
  );

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
