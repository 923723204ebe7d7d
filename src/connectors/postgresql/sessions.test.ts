import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { queryDatabase } from '../../../tests/setup/databases.ts';
import { FaultProxy } from '../../../tests/setup/fault-proxy.ts';
import { createDatabaseContext, NEVER, openSide, type Side } from '../../../tests/setup/postgresql-loads.ts';
import { postgresConfiguration } from '../../../tests/setup/syncs.ts';
import type { SnapshotRef } from '../../connector-kit/index.ts';
import { createRoute } from './client/route.ts';
import { postgresqlConfig } from './config.ts';
import { SessionPool } from './sessions.ts';
import { PostgresqlSource } from './source.ts';

/** A session drops them when it ends, and gives its place back only then. */
const MANY_TABLES = `DO $$ BEGIN FOR i IN 1..100 LOOP EXECUTE 'CREATE TEMP TABLE t' || i || ' (id int)'; END LOOP; END $$`;
const ROLE = `leaving_${process.pid}`;

let side: Side;
let proxy: FaultProxy;
let pool: SessionPool;
/** Sessions of somebody else, under the same role. */
const others: pg.Client[] = [];

beforeAll(async () => {
  side = await openSide();
  proxy = await FaultProxy.open(side.url);
  await queryDatabase(side.superuserUrl, `CREATE ROLE ${ROLE} LOGIN PASSWORD 'few' CONNECTION LIMIT 2`);
  await side.sql(`CREATE TABLE read (id int); GRANT SELECT ON read TO ${ROLE}`);
});
afterAll(async () => {
  await queryDatabase(side.superuserUrl, `DROP OWNED BY ${ROLE}; DROP ROLE ${ROLE}`);
  await proxy[Symbol.asyncDispose]();
  await side[Symbol.asyncDispose]();
});

beforeEach(() => {
  const config = postgresqlConfig.parse(postgresConfiguration(proxy.through(asFew())));
  const context = createDatabaseContext();
  pool = new SessionPool({ config, context, route: createRoute(config, context), side: 'source' });
});
afterEach(async () => {
  vi.useRealTimers();
  await leave();
  await pool[Symbol.asyncDispose]();
  const count = `SELECT count(*)::int FROM pg_stat_activity WHERE usename = '${ROLE}'`;
  await expect.poll(() => queryDatabase(side.superuserUrl, count)).toEqual([[0]]);
});

/** As a role that may have two sessions. */
function asFew(): string {
  const url = new URL(side.url);
  url.username = ROLE;
  url.password = 'few';
  return url.href;
}

/** Both places of the role are somebody else's. */
async function takePlaces(): Promise<void> {
  others.push(new pg.Client(asFew()), new pg.Client(asFew()));
  for (const other of others) await other.connect();
}

async function leave(): Promise<void> {
  for (const other of others.splice(0)) await other.end();
}

/** Resolves when the server has refused a session from now on. */
function refused(): Promise<void> {
  const before = proxy.acceptedConnections;
  return expect.poll(() => proxy.acceptedConnections).toBeGreaterThan(before + 1);
}

/** So that a slow machine takes no time. */
function stopClock(): void {
  vi.useFakeTimers({ toFake: ['performance'] });
}

describe('a pool whose role has few places', () => {
  it('takes the place of a session that is leaving, and goes on as before', async () => {
    stopClock();
    await takePlaces();
    const acquiring = pool.acquire(NEVER);
    await refused();
    await leave();
    await pool.release(await acquiring);
    expect(pool.isTight).toBe(false);
  });

  it('has as many sessions as there are places, right behind those that it has closed', async () => {
    stopClock();
    for (let turn = 0; turn < 2; turn += 1) {
      const holder = await pool.acquire(NEVER);
      pool.setAside(holder);
      const sessions = [holder, await pool.acquire(NEVER)];
      for (const session of sessions) await session.script('Making work', MANY_TABLES, NEVER);
      for (const session of sessions) await session[Symbol.asyncDispose]();
    }
    expect(pool.isTight).toBe(false);
  });

  it('takes one at a time when nobody leaves', async () => {
    stopClock();
    await takePlaces();
    const acquiring = pool.acquire(NEVER);
    await refused();
    vi.advanceTimersByTime(300);
    await expect.poll(() => pool.isTight).toBe(true);
    await leave();
    await pool.release(await acquiring);
  });

  it('leaves who has another place without a second one for a few seconds only', async () => {
    await becomeTight();
    stopClock();
    await takePlaces();
    const brief = expect(pool.acquire(NEVER, true)).rejects.toMatchObject({ code: 'CONN_FULL', kind: 'transient' });
    await refused();
    vi.advanceTimersByTime(10_000);
    await brief;
    const patient = pool.acquire(NEVER);
    await refused();
    vi.advanceTimersByTime(10_000);
    await refused();
    await leave();
    await pool.release(await patient);
  });

  it('gives back the place of a reader when the read is over', async () => {
    await becomeTight();
    const source = new PostgresqlSource(pool);
    await using snapshot = await source.openSnapshot(NEVER);
    await readTable(source, snapshot);
    expect(proxy.openConnections).toBe(1);
    await snapshot[Symbol.asyncDispose]();
    expect(proxy.openConnections).toBe(0);
  });

  it('gives back all places when the snapshot is over, also those of readers that it had kept', async () => {
    const source = new PostgresqlSource(pool);
    await using snapshot = await source.openSnapshot(NEVER);
    await readTable(source, snapshot);
    await becomeTight();
    await expect.poll(() => proxy.openConnections).toBe(2);
    await snapshot[Symbol.asyncDispose]();
    expect(proxy.openConnections).toBe(0);
  });

  /** By the wish for a session that is given up when it was refused for long enough. */
  async function becomeTight(): Promise<void> {
    if (proxy.openConnections === 0) await takePlaces();
    const abort = new AbortController();
    const acquiring = pool.acquire(abort.signal);
    await expect.poll(() => pool.isTight).toBe(true);
    abort.abort();
    await expect(acquiring).rejects.toThrow();
    await leave();
  }

  async function readTable(source: PostgresqlSource, snapshot: SnapshotRef): Promise<void> {
    const [schema] = await source.discover(NEVER);
    const [offer] = source.offer(schema?.fields ?? []);
    if (schema === undefined || offer === undefined) throw new Error('no table');
    const plan = { schema, snapshot, from: null, filters: [] };
    const [range] = await source.planSegments({ ...plan, segmentBytes: 1e9 }, NEVER);
    if (range === undefined) throw new Error('no range');
    const request = { ...plan, range, format: offer.format, fields: offer.fields };
    for await (const _ of source.read(request, NEVER)) throw new Error('the table is not empty');
  }
});
