import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import pg from 'pg';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ApiFailure, type BulkSyncRequest } from '../../src/contract/index.ts';
import { queryDatabase, WAITING_FOR_US } from '../setup/databases.ts';
import { Gate } from '../setup/gate.ts';
import { useServer, useSyncScene } from '../setup/hooks.ts';
import { waitFor } from '../setup/millrace.ts';
import { untilEnded } from '../setup/syncs.ts';

// One server process on a home of its own, its metadata in the tests' PostgreSQL, asked through HTTP. Between it and
// the source stands a gate, so that every test acts in the middle of a read.

const RECORDS = 40_000;
/** Behind everything that planning reads, and far before the end of the table. */
const IN_THE_MIDDLE = 2_000_000;

const server = useServer();
const scene = useSyncScene(server, '');
let gate: Gate;

beforeEach(async () => {
  gate = await Gate.open(scene.source.ownerUrl);
});

afterEach(() => gate[Symbol.asyncDispose]());

/** About 12 MB. */
const fill = () =>
  scene.inSource(
    `CREATE TABLE people AS SELECT i AS id, 'v1 ' || repeat(md5(i::text), 8) AS name FROM generate_series(1, ${RECORDS}) i;
     ALTER TABLE people ADD PRIMARY KEY (id)`,
  );

const makePeopleSync = (
  schemas: NonNullable<BulkSyncRequest['schemas']> = ['public.people'],
  mode: 'snapshot' | 'replicate' = 'snapshot',
) => scene.make(schemas, { mode }, { source: gate.through(scene.source.ownerUrl) });

/** Starts the sync and holds it in the middle of its read. */
async function startHeld(syncId: string): Promise<string> {
  const held = gate.hold(IN_THE_MIDDLE);
  const { id } = await server.client.startBulkSync(syncId, {}, scene.signal);
  await held;
  return id;
}

/** How many records of each version the destination holds. */
const landed = () =>
  scene.inDestination(`SELECT left(name, 2), count(*)::int FROM landing.people GROUP BY 1 ORDER BY 1`);

/** Tables beside the live one: shadows and stages. */
async function strays(): Promise<unknown[]> {
  const rows = await scene.inDestination(
    `SELECT relname FROM pg_class WHERE relnamespace = 'landing'::regnamespace AND relkind = 'r' AND relname <> 'people'`,
  );
  return rows.flat();
}

/** A first load, then newer records in the source. */
async function loadOnce(): Promise<string> {
  await fill();
  const sync = await makePeopleSync();
  expect((await scene.run(sync.id)).execution.status).toBe('completed');
  await scene.inSource(`UPDATE people SET name = replace(name, 'v1 ', 'v2 ')`);
  return sync.id;
}

describe('an execution in the middle of a read', () => {
  it('is cancelled: the previous records stay, nothing lies about, and the next start works', async () => {
    const syncId = await loadOnce();
    const id = await startHeld(syncId);
    await server.client.cancelBulkSync(syncId, scene.signal);
    // The source still sends nothing: only the cancellation can end it.
    const { execution } = await untilEnded(server, syncId, id, scene.signal);
    expect(execution).toMatchObject({ status: 'canceled', schemas: [{ status: 'canceled' }] });
    expect([await landed(), await strays()]).toEqual([[['v1', RECORDS]], []]);
    gate.release();
    const ended = await scene.run(syncId);
    expect([ended.execution.status, ended.receipt?.verdict]).toEqual(['completed', 'equal']);
    expect(await landed()).toEqual([['v2', RECORDS]]);
  });

  it('refuses a second start, and goes on', async () => {
    await fill();
    const sync = await makePeopleSync();
    const id = await startHeld(sync.id);
    const refusal = await server.client.startBulkSync(sync.id, {}, scene.signal).catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(ApiFailure);
    expect(refusal).toMatchObject({ status: 409, message: expect.stringContaining(id) });
    gate.release();
    const { execution, receipt } = await untilEnded(server, sync.id, id, scene.signal);
    expect([execution.status, receipt?.verdict]).toEqual(['completed', 'equal']);
  });

  it('is let go by Ctrl-C in time and carried on by the next start', async () => {
    const syncId = await loadOnce();
    const id = await startHeld(syncId);
    server.interrupt();
    // 0: every part of the server has come to its end within the limit of its own.
    expect(await server.exited).toEqual({ code: 0, signal: null });
    expect(await landed()).toEqual([['v1', RECORDS]]);
    gate.release();
    await server.restart();
    const { execution, receipt } = await untilEnded(server, syncId, id, scene.signal);
    expect([execution.status, receipt?.verdict]).toEqual(['completed', 'equal']);
    expect([await landed(), await strays()]).toEqual([[['v2', RECORDS]], []]);
  });

  it('waits for a source that goes away and comes back', async () => {
    const syncId = await loadOnce();
    const known = server.home.readLog().length;
    const id = await startHeld(syncId);
    await gate.cut();
    await waitFor(
      async () => (server.home.readLog().slice(known).includes('is tried again') ? true : null),
      scene.signal,
    );
    expect(await landed()).toEqual([['v1', RECORDS]]);
    await gate.restore();
    const { execution, receipt } = await untilEnded(server, syncId, id, scene.signal);
    expect([execution.status, receipt?.verdict]).toEqual(['completed', 'equal']);
    expect([await landed(), await strays()]).toEqual([[['v2', RECORDS]], []]);
  });

  it('takes a third source image when the second was lost before anything was planned in it', async () => {
    await fill();
    // Planning reads the tracking field's newest value in the image.
    const sync = await makePeopleSync([{ id: 'public.people', tracking_field: 'id' }], 'replicate');
    const id = await startHeld(sync.id);
    await queryDatabase(
      server.metadata.url,
      `INSERT INTO execution_snapshots (execution_id, epoch, worker_id, snapshot)
       SELECT execution_id, epoch + 1, worker_id, snapshot FROM execution_snapshots WHERE execution_id = '${id}'`,
    );
    await queryDatabase(
      scene.source.url,
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${scene.source.name}' AND application_name LIKE 'millrace %'`,
    );
    gate.release();
    const { execution, receipt } = await untilEnded(server, sync.id, id, scene.signal);
    expect([execution.status, receipt?.verdict]).toEqual(['completed', 'equal']);
    expect([await landed(), await strays()]).toEqual([[['v1', RECORDS]], []]);
  });

  it('leaves nothing behind when its sync is deleted', async () => {
    const syncId = await loadOnce();
    await startHeld(syncId);
    await server.client.deleteBulkSync(syncId, scene.signal);
    await waitFor(async () => ((await strays()).length === 0 ? true : null), scene.signal);
    expect(await landed()).toEqual([['v1', RECORDS]]);
    const sessions = `SELECT count(*)::int FROM pg_stat_activity WHERE datname = '${scene.source.name}' AND application_name LIKE 'millrace %'`;
    await waitFor(
      async () => ((await queryDatabase(scene.source.url, sessions))[0]?.[0] === 0 ? true : null),
      scene.signal,
    );
  });
});

describe('an execution that is being planned', () => {
  it.each(['execution_snapshots', 'execution_schemas'])(
    'ends without a word when its sync is deleted before it writes %s',
    async (table) => {
      await fill();
      const sync = await makePeopleSync();
      const known = server.home.readLog().length;
      await using session = await holdTable(table);
      await server.client.startBulkSync(sync.id, {}, scene.signal);
      await waitFor(async () => ((await session.query(WAITING_FOR_US)).rowCount ? true : null), scene.signal);
      await session.query(`DELETE FROM bulk_syncs WHERE id = '${sync.id}'`);
      await session.query('COMMIT');
      const workflows = `SELECT status FROM dbos.workflow_status WHERE name = 'execution' AND status <> 'SUCCESS'`;
      await waitFor(
        async () => ((await queryDatabase(server.metadata.url, workflows)).length === 0 ? true : null),
        scene.signal,
      );
      expect(server.home.readLog().slice(known)).not.toMatch(/foreign key|Planning failed|"level":"(warn|error)"/);
    },
  );

  /** A session whose open transaction lets nobody write to that table of the metadata. */
  async function holdTable(table: string): Promise<pg.Client & AsyncDisposable> {
    const client = new pg.Client({ connectionString: server.metadata.url });
    await client.connect();
    await client.query(`BEGIN; LOCK TABLE ${table} IN SHARE ROW EXCLUSIVE MODE`);
    return Object.assign(client, { [Symbol.asyncDispose]: () => client.end() });
  }
});

describe('a record that the destination cannot hold', () => {
  it('is rejected with key and reason, and the others land', async () => {
    await scene.inSource('CREATE TABLE prices (id int PRIMARY KEY, price numeric(10,2))');
    await scene.inSource(
      `INSERT INTO prices SELECT i, CASE WHEN i IN (17, 4711) THEN 'NaN' ELSE i / 3.0 END FROM generate_series(1, 10000) i`,
    );
    const sync = await scene.make(['public.prices'], {}, { destination: ['duckdb', { path: 'prices.duckdb' }] });
    const { execution, receipt } = await scene.run(sync.id);
    expect(execution).toMatchObject({
      status: 'errors',
      error_count: 2,
      record_count: 9_998,
      schemas: [{ status: 'completed' }],
    });
    expect(receipt).toMatchObject({
      verdict: 'equal',
      schemas: [{ counts: { read: 10_000, written: 9_998, rejected: 2 } }],
    });
    const rejects = await server.client.listRejects(sync.id, execution.id, 10, scene.signal);
    expect(rejects.map(({ schema, key }) => [schema, key])).toEqual([
      ['public.prices', { id: '17' }],
      ['public.prices', { id: '4711' }],
    ]);
    for (const { reason } of rejects) expect(reason).toMatch(/price/);
    expect(await readPrices(join(server.filesFolder, 'prices.duckdb'))).toEqual(['9998', '0', '0']);
  });
});

/** Records, NULLs, and records with the keys that were refused. */
async function readPrices(file: string): Promise<string[]> {
  const instance = await DuckDBInstance.create(file, { access_mode: 'READ_ONLY' });
  const connection = await instance.connect();
  try {
    const answer = await connection.runAndReadAll(
      `SELECT count(*), count(*) FILTER (WHERE price IS NULL), count(*) FILTER (WHERE id IN (17, 4711)) FROM landing.prices`,
    );
    return (answer.getRows()[0] ?? []).map(String);
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

it('gives a new table its statistics behind its publication', async () => {
  await fill();
  const sync = await makePeopleSync();
  expect((await scene.run(sync.id)).execution.status).toBe('completed');
  const known = () =>
    scene.inDestination(`SELECT count(*)::int FROM pg_stats WHERE tablename = 'people' AND attname IN ('id', 'name')`);
  await expect.poll(known).toEqual([[2]]);
});
