import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../../../tests/setup/databases.ts';
import { FaultProxy } from '../../../../tests/setup/fault-proxy.ts';
import { createDatabaseContext, NEVER } from '../../../../tests/setup/postgresql-loads.ts';
import { postgresConfiguration } from '../../../../tests/setup/syncs.ts';
import { openSession, type Session } from '../client.ts';
import { postgresqlConfig } from '../config.ts';
import { createRoute } from './route.ts';

const LOOK_MS = 50;

let database: TestDatabase;
let proxy: FaultProxy;

beforeAll(async () => {
  database = await createTestDatabase();
  proxy = await FaultProxy.open(database.ownerUrl);
});
afterAll(async () => {
  await proxy[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
});

async function open(): Promise<Session> {
  const config = postgresqlConfig.parse(postgresConfiguration(proxy.through(database.ownerUrl)));
  const context = createDatabaseContext();
  const options = { config, context, side: 'source', route: createRoute(config, context), lookMs: LOOK_MS } as const;
  return openSession(options, NEVER);
}

/** Connections that are there already lose their bytes; new ones are whole. */
async function loseBytes(work: () => Promise<unknown>): Promise<string> {
  const failed = work().then(
    () => 'no failure',
    (error: Error) => error.message,
  );
  return failed.finally(() => proxy.heal());
}

describe('a session that waits for an answer', () => {
  it('is given up when the server waits for us as well', async () => {
    const session = await open();
    proxy.halfOpenPresent();
    const message = await loseBytes(() => session.script('Reading', 'SELECT 1', NEVER));
    expect(message).toMatch(/^Reading on .* failed: .*the server waits for us while we wait for it.* tried again/);
    expect(session.isUsable).toBe(false);
  });

  it('is given up when the server has ended it', async () => {
    const session = await open();
    proxy.halfOpenPresent();
    const { pid } = session;
    const other = await open();
    await other.script('Ending', `SELECT pg_terminate_backend(${pid}, 5000)`, NEVER);
    const message = await loseBytes(() => session.script('Reading', 'SELECT 1', NEVER));
    expect(message).toContain('the server has ended the session, of which we heard nothing');
    await other[Symbol.asyncDispose]();
  });

  it('is given up when the server is out of reach', async () => {
    const session = await open();
    proxy.halfOpenPresent();
    await proxy.refuse();
    const message = await loseBytes(() => session.script('Reading', 'SELECT 1', NEVER));
    expect(message).toContain('the server is out of reach');
  });

  it('is left alone while the server is at work or waits for somebody else', async () => {
    await using session = await open();
    await using holder = await open();
    await holder.script('Holding', 'BEGIN; SELECT pg_advisory_xact_lock(1)', NEVER);
    const waiting = session.script('Waiting', 'SELECT pg_advisory_lock(1)', NEVER);
    // Many looks, and a few questions.
    await holder.script('Working', `SELECT pg_sleep(${(LOOK_MS * 12) / 1_000})`, NEVER);
    await holder.script('Letting go', 'COMMIT', NEVER);
    await waiting;
    expect(session.isUsable).toBe(true);
  });

  it('is given up in the middle of a COPY whose rest is lost', async () => {
    const session = await open();
    const sql = `COPY (SELECT repeat('x', 1000) FROM generate_series(1, 20000)) TO STDOUT (FORMAT csv)`;
    let chunks = 0;
    const message = await loseBytes(async () => {
      for await (const { payload } of session.copyOut('Reading', sql, 'csv', NEVER)) {
        if (payload.length > 0 && chunks++ === 3) proxy.halfOpenPresent();
      }
    });
    expect(message).toContain('bytes were lost on the way');
  });

  it('is left alone while nobody asks for the next chunk', async () => {
    await using session = await open();
    await using other = await open();
    const sql = `COPY (SELECT repeat('x', 1000) FROM generate_series(1, 20000)) TO STDOUT (FORMAT csv)`;
    let records = 0;
    for await (const { ends } of session.copyOut('Reading', sql, 'csv', NEVER)) {
      if (records === 0) await other.script('Dawdling', `SELECT pg_sleep(${(LOOK_MS * 10) / 1_000})`, NEVER);
      records += ends.length;
    }
    expect(records).toBe(20_000);
  });
});

describe('a session that is closed', () => {
  it('does not wait for the goodbye of a server that is gone', async () => {
    const session = await open();
    proxy.halfOpenPresent();
    await session[Symbol.asyncDispose]();
    expect(session.isUsable).toBe(false);
    await proxy.heal();
  }, 20_000);
});
