import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ApiFailure } from '../../src/contract/index.ts';
import { readCliFile } from '../../src/runtime/index.ts';
import { createTestDatabase, type TestDatabase } from '../setup/databases.ts';
import { Gate } from '../setup/gate.ts';
import { createTestHome, type MillraceProcess, startMillrace, type TestHome, waitFor } from '../setup/millrace.ts';
import { makeSync, postgresConfiguration, type SyncToMake, untilEnded } from '../setup/syncs.ts';

// One server process on a home of its own, its metadata in the tests' PostgreSQL, asked through HTTP. Between it and
// the source stands a gate, so that every test acts in the middle of a read.

const RECORDS = 40_000;
/** Behind everything that planning reads, and far before the end of the table. */
const IN_THE_MIDDLE = 2_000_000;
const LIMIT_MS = 90_000;

let metadata: TestDatabase;
let home: TestHome;
let server: MillraceProcess;
let source: TestDatabase;
let destination: TestDatabase;
let gate: Gate;
let signal: AbortSignal;
let number = 0;

beforeAll(async () => {
  metadata = await createTestDatabase();
  home = await createTestHome();
  server = await startMillrace(home, { DATABASE_URL: metadata.url });
}, LIMIT_MS);

afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await home[Symbol.asyncDispose]();
  await metadata[Symbol.asyncDispose]();
});

beforeEach(async () => {
  number += 1;
  signal = AbortSignal.timeout(LIMIT_MS);
  source = await createTestDatabase();
  destination = await createTestDatabase();
  gate = await Gate.open(source.ownerUrl);
});

afterEach(async () => {
  await gate[Symbol.asyncDispose]();
  await destination[Symbol.asyncDispose]();
  await source[Symbol.asyncDispose]();
});

async function query(url: string, sql: string): Promise<unknown[][]> {
  const client = new pg.Client(url);
  await client.connect();
  try {
    return (await client.query<unknown[]>({ text: sql, rowMode: 'array' })).rows;
  } finally {
    await client.end();
  }
}

/** About 12 MB. */
const fill = () =>
  query(
    source.ownerUrl,
    `CREATE TABLE people AS SELECT i AS id, 'v1 ' || repeat(md5(i::text), 8) AS name FROM generate_series(1, ${RECORDS}) i`,
  ).then(() => query(source.ownerUrl, 'ALTER TABLE people ADD PRIMARY KEY (id)'));

function makePeopleSync(given: Partial<Pick<SyncToMake, 'mode' | 'schemas'>> = {}) {
  return makeSync(
    server,
    {
      name: `people ${number}`,
      source: gate.through(source.ownerUrl),
      destination: ['postgresql', postgresConfiguration(destination.ownerUrl)],
      schemas: ['public.people'],
      mode: 'snapshot',
      ...given,
    },
    signal,
  );
}

/** Starts the sync and holds it in the middle of its read. */
async function startHeld(syncId: string): Promise<string> {
  const held = gate.hold(IN_THE_MIDDLE);
  const { id } = await server.client.startBulkSync(syncId, {}, signal);
  await held;
  return id;
}

/** How many records of each version the destination holds. */
const landed = () =>
  query(destination.ownerUrl, `SELECT left(name, 2), count(*)::int FROM landing.people GROUP BY 1 ORDER BY 1`);

/** Tables beside the live one: shadows and stages. */
async function strays(): Promise<unknown[]> {
  const rows = await query(
    destination.ownerUrl,
    `SELECT relname FROM pg_class WHERE relnamespace = 'landing'::regnamespace AND relkind = 'r' AND relname <> 'people'`,
  );
  return rows.flat();
}

/** A first load, then newer records in the source. */
async function loadOnce(): Promise<string> {
  await fill();
  const sync = await makePeopleSync();
  const { id } = await server.client.startBulkSync(sync.id, {}, signal);
  expect((await untilEnded(server, sync.id, id, signal)).execution.status).toBe('completed');
  await query(source.ownerUrl, `UPDATE people SET name = replace(name, 'v1 ', 'v2 ')`);
  return sync.id;
}

describe('an execution in the middle of a read', () => {
  it('is cancelled: the previous records stay, nothing lies about, and the next start works', async () => {
    const syncId = await loadOnce();
    const id = await startHeld(syncId);
    await server.client.cancelBulkSync(syncId, signal);
    // The source still sends nothing: only the cancellation can end it.
    const { execution } = await untilEnded(server, syncId, id, signal);
    expect(execution).toMatchObject({ status: 'canceled', schemas: [{ status: 'canceled' }] });
    expect([await landed(), await strays()]).toEqual([[['v1', RECORDS]], []]);
    gate.release();
    const next = await server.client.startBulkSync(syncId, {}, signal);
    const ended = await untilEnded(server, syncId, next.id, signal);
    expect([ended.execution.status, ended.receipt?.verdict]).toEqual(['completed', 'equal']);
    expect(await landed()).toEqual([['v2', RECORDS]]);
  });

  it('refuses a second start, and goes on', async () => {
    await fill();
    const sync = await makePeopleSync();
    const id = await startHeld(sync.id);
    const refusal = await server.client.startBulkSync(sync.id, {}, signal).catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(ApiFailure);
    expect(refusal).toMatchObject({ status: 409, message: expect.stringContaining(id) });
    gate.release();
    const { execution, receipt } = await untilEnded(server, sync.id, id, signal);
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
    server = await startMillrace(home, { DATABASE_URL: metadata.url });
    const { execution, receipt } = await untilEnded(server, syncId, id, signal);
    expect([execution.status, receipt?.verdict]).toEqual(['completed', 'equal']);
    expect([await landed(), await strays()]).toEqual([[['v2', RECORDS]], []]);
  });

  it('waits for a source that goes away and comes back', async () => {
    const syncId = await loadOnce();
    const known = home.readLog().length;
    const id = await startHeld(syncId);
    await gate.cut();
    await waitFor(async () => (home.readLog().slice(known).includes('is tried again') ? true : null), signal);
    expect(await landed()).toEqual([['v1', RECORDS]]);
    await gate.restore();
    const { execution, receipt } = await untilEnded(server, syncId, id, signal);
    expect([execution.status, receipt?.verdict]).toEqual(['completed', 'equal']);
    expect([await landed(), await strays()]).toEqual([[['v2', RECORDS]], []]);
  });

  it('takes a third source image when the second was lost before anything was planned in it', async () => {
    await fill();
    // Planning reads the tracking field's newest value in the image.
    const sync = await makePeopleSync({ mode: 'replicate', schemas: [{ id: 'public.people', tracking_field: 'id' }] });
    const id = await startHeld(sync.id);
    await query(
      metadata.url,
      `INSERT INTO execution_snapshots (execution_id, epoch, worker_id, snapshot)
       SELECT execution_id, epoch + 1, worker_id, snapshot FROM execution_snapshots WHERE execution_id = '${id}'`,
    );
    await query(
      source.url,
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${source.name}' AND application_name LIKE 'millrace %'`,
    );
    gate.release();
    const { execution, receipt } = await untilEnded(server, sync.id, id, signal);
    expect([execution.status, receipt?.verdict]).toEqual(['completed', 'equal']);
    expect([await landed(), await strays()]).toEqual([[['v1', RECORDS]], []]);
  });

  it('leaves nothing behind when its sync is deleted', async () => {
    const syncId = await loadOnce();
    await startHeld(syncId);
    await server.client.deleteBulkSync(syncId, signal);
    await waitFor(async () => ((await strays()).length === 0 ? true : null), signal);
    expect(await landed()).toEqual([['v1', RECORDS]]);
    const sessions = `SELECT count(*)::int FROM pg_stat_activity WHERE datname = '${source.name}' AND application_name LIKE 'millrace %'`;
    await waitFor(async () => ((await query(source.url, sessions))[0]?.[0] === 0 ? true : null), signal);
  });
});

describe('a record that the destination cannot hold', () => {
  it('is rejected with key and reason, and the others land', async () => {
    await query(source.ownerUrl, 'CREATE TABLE prices (id int PRIMARY KEY, price numeric(10,2))');
    await query(
      source.ownerUrl,
      `INSERT INTO prices SELECT i, CASE WHEN i IN (17, 4711) THEN 'NaN' ELSE i / 3.0 END FROM generate_series(1, 10000) i`,
    );
    const { organizationId = '' } = readCliFile(home.folder) ?? {};
    const folder = join(home.folder, 'files', organizationId);
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const sync = await makeSync(
      server,
      {
        name: 'prices',
        source: source.ownerUrl,
        destination: ['duckdb', { path: 'prices.duckdb' }],
        schemas: ['public.prices'],
      },
      signal,
    );
    const { id } = await server.client.startBulkSync(sync.id, {}, signal);
    const { execution, receipt } = await untilEnded(server, sync.id, id, signal);
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
    const rejects = await server.client.listRejects(sync.id, id, 10, signal);
    expect(rejects.map(({ schema, key }) => [schema, key])).toEqual([
      ['public.prices', { id: '17' }],
      ['public.prices', { id: '4711' }],
    ]);
    for (const { reason } of rejects) expect(reason).toMatch(/price/);
    expect(await readPrices(join(folder, 'prices.duckdb'))).toEqual(['9998', '0', '0']);
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
