import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { queryDatabase } from '../../../tests/setup/databases.ts';
import { FaultProxy } from '../../../tests/setup/fault-proxy.ts';
import { createDatabaseContext, NEVER, openSide, type Side } from '../../../tests/setup/postgresql-loads.ts';
import { postgresConfiguration } from '../../../tests/setup/syncs.ts';
import { createRoute } from './client/route.ts';
import { postgresqlConfig } from './config.ts';
import { SessionPool } from './sessions.ts';

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
});
afterAll(async () => {
  await queryDatabase(side.superuserUrl, `DROP ROLE ${ROLE}`);
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
  await expect.poll(() => queryDatabase(side.superuserUrl, count), { timeout: 10_000 }).toEqual([[0]]);
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
});
