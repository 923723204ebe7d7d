import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sql } from 'kysely';
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../../tests/setup/databases.ts';
import { openStore, type Store, type StoreDatabase } from '../database.ts';
import { claimFilesMark, findFilesMark } from '../files-mark.ts';
import { enterConnections, leaveConnections } from './connection-lanes.ts';
import { announceWork, Heartbeat } from './heartbeat.ts';
import { giveBackWorkerLock, takeWorkerLock } from './worker-locks.ts';
import { listTakers, registerWorker, requireLiving, retireWorker } from './workers.ts';

// What processes share one metadata database by.

let database: TestDatabase;
let store: Store;
let home: string;
let one: string;
let other: string;

beforeAll(async () => {
  database = await createTestDatabase();
  home = mkdtempSync(join(tmpdir(), 'millrace-sharing-'));
  store = await openStore({ url: database.url, masterKey: { environment: null, file: join(home, 'master.key') } });
});
afterAll(async () => {
  await store.close();
  await database[Symbol.asyncDispose]();
  rmSync(home, { recursive: true });
});
beforeEach(async () => {
  [one, other] = [await addWorker(), await addWorker()];
});

async function addWorker(protocol = '1', lanes = 8): Promise<string> {
  const id = randomUUID();
  await registerWorker(store.db, { id, host: 'here', pid: 1, build: 'test', lanes, usualLanes: 2, protocol });
  return id;
}

describe('a lock of a worker', () => {
  it('is held by one worker until it gives it back', async () => {
    const name = randomUUID();
    expect(await takeWorkerLock(store.db, { name, workerId: one })).toBe(true);
    expect(await takeWorkerLock(store.db, { name, workerId: one })).toBe(true);
    expect(await takeWorkerLock(store.db, { name, workerId: other })).toBe(false);
    await giveBackWorkerLock(store.db, { name, workerId: other });
    expect(await takeWorkerLock(store.db, { name, workerId: other })).toBe(false);
    await giveBackWorkerLock(store.db, { name, workerId: one });
    expect(await takeWorkerLock(store.db, { name, workerId: other })).toBe(true);
  });

  it('is free when its holder is dead, and never a dead worker’s', async () => {
    const name = randomUUID();
    await takeWorkerLock(store.db, { name, workerId: one });
    await retireWorker(store.db, one);
    expect(await takeWorkerLock(store.db, { name, workerId: other })).toBe(true);
    await giveBackWorkerLock(store.db, { name, workerId: other });
    expect(await takeWorkerLock(store.db, { name, workerId: one })).toBe(false);
  });

  it('is free behind its time, if it has one', async () => {
    const name = randomUUID();
    await takeWorkerLock(store.db, { name, workerId: one, expiresAfterMs: -1 });
    expect(await takeWorkerLock(store.db, { name, workerId: other, expiresAfterMs: 60_000 })).toBe(true);
    expect(await takeWorkerLock(store.db, { name, workerId: one, expiresAfterMs: 60_000 })).toBe(false);
  });

  it('is given to one of many who ask at once', async () => {
    const name = randomUUID();
    const workers = await Promise.all(Array.from({ length: 8 }, () => addWorker()));
    const taken = await Promise.all(workers.map((workerId) => takeWorkerLock(store.db, { name, workerId })));
    expect(taken.filter(Boolean)).toHaveLength(1);
  });
});

describe('the limit of a connection', () => {
  const lane = (laneId: string, workerId: string, connections: readonly (readonly [string, number])[]) => ({
    laneId,
    workerId,
    connections: connections.map(([connectionId, maxLanes]) => ({ connectionId, maxLanes })),
  });

  it('holds over all workers, and a place is free again behind the step', async () => {
    const limit = [[await addConnection(), 2]] as const;
    const lanes = [lane('a', one, limit), lane('b', other, limit), lane('c', other, limit)] as const;
    expect(await enterConnections(store, lanes[0])).toBe(true);
    expect(await enterConnections(store, lanes[1])).toBe(true);
    expect(await enterConnections(store, lanes[1])).toBe(true);
    expect(await enterConnections(store, lanes[2])).toBe(false);
    await leaveConnections(store, lanes[0]);
    expect(await enterConnections(store, lanes[2])).toBe(true);
  });

  it('is kept however many ask at once', async () => {
    const limit = [[await addConnection(), 3]] as const;
    const lanes = Array.from({ length: 12 }, (_, index) => lane(`lane ${index}`, index % 2 ? one : other, limit));
    const entered = await Promise.all(lanes.map((entry) => enterConnections(store, entry)));
    expect(entered.filter(Boolean)).toHaveLength(3);
  });

  it('counts a step against both of its connections or neither', async () => {
    const [source, destination] = [await addConnection(), await addConnection()];
    await enterConnections(store, lane('a', one, [[destination, 1]]));
    const both = lane('b', one, [
      [source, 1],
      [destination, 1],
    ]);
    expect(await enterConnections(store, both)).toBe(false);
    expect(await enterConnections(store, lane('c', other, [[source, 1]]))).toBe(true);
  });

  it('does not count what a dead worker left', async () => {
    const limit = [[await addConnection(), 1]] as const;
    await enterConnections(store, lane('a', one, limit));
    await retireWorker(store.db, one);
    expect(await enterConnections(store, lane('b', other, limit))).toBe(true);
  });
});

describe('a heartbeat', () => {
  it('goes on in a new session when its own was ended, and tells that the worker is dead', async () => {
    await using heartbeat = new Heartbeat(database.url, one);
    expect(await heartbeat.beat()).toBeInstanceOf(Date);
    await endHeartbeats();
    const again = async () => (await heartbeat.beat().catch(() => null)) ?? (await heartbeat.beat());
    expect(await again()).toBeInstanceOf(Date);
    await retireWorker(store.db, one);
    expect(await heartbeat.beat()).toBeNull();
  });

  it('hears of work when it is committed, and when it may have missed some', async () => {
    await using heartbeat = new Heartbeat(database.url, one);
    let heard = 0;
    heartbeat.onWork = () => {
      heard += 1;
    };
    await heartbeat.beat();
    expect(heard).toBe(1);
    const refused = store.transaction(async ({ db }) => {
      await announceWork(db);
      throw new Error('rolled back');
    });
    await expect(refused).rejects.toThrow('rolled back');
    await store.transaction(async ({ db }) => {
      await announceWork(db);
      await heartbeat.beat();
      expect(heard).toBe(1);
    });
    await expect.poll(() => heard).toBe(2);
    await endHeartbeats();
    await heartbeat.beat().catch(() => null);
    await heartbeat.beat();
    expect(heard).toBe(3);
  });

  it('does not wait for who holds the row', async () => {
    await using heartbeat = new Heartbeat(database.url, one);
    await heartbeat.beat();
    await store.transaction(async ({ db }) => {
      await db.updateTable('workers').set({ build: 'held' }).where('id', '=', one).execute();
      await expect(heartbeat.beat()).rejects.toThrow('no answer within');
    });
    expect(await heartbeat.beat()).toBeInstanceOf(Date);
  });
});

describe('a dead worker', () => {
  it('is found out in a transaction that requires a living one, and takes nothing', async () => {
    await expect(store.transaction(({ db }) => requireLiving(db, one))).resolves.toBeUndefined();
    await retireWorker(store.db, one);
    await expect(store.transaction(({ db }) => requireLiving(db, one))).rejects.toMatchObject({ code: 'FENCE_LOST' });
  });

  it('is not among those who take work, nor is one of another protocol or without lanes', async () => {
    const protocol = randomUUID();
    const [alive, dead] = [await addWorker(protocol), await addWorker(protocol)];
    await addWorker(randomUUID());
    await addWorker(protocol, 0);
    await retireWorker(store.db, dead);
    expect(await listTakers(store.db, protocol)).toEqual([{ id: alive, usualLanes: 2 }]);
  });
});

describe('a guarded store', () => {
  it('begins no statement and no transaction before the check has passed', async () => {
    const gate = Promise.withResolvers<void>();
    const guarded = store.guarded(() => gate.promise);
    const done: string[] = [];
    const all = [
      guarded.db
        .selectFrom('workers')
        .select('id')
        .execute()
        .then(() => done.push('statement')),
      guarded.transaction(async () => void done.push('transaction')),
    ];
    await store.db.selectFrom('workers').select('id').execute();
    expect(done).toEqual([]);
    gate.resolve();
    await Promise.all(all);
    expect(done.toSorted()).toEqual(['statement', 'transaction']);
  });
});

describe('the mark of the folder for files', () => {
  it('is written by one of the workers that start together, and the same for all of them', async () => {
    expect(await findFilesMark(store.db)).toBeNull();
    const written: string[] = [];
    const claim = () =>
      claimFilesMark(store.db, () => {
        written.push(randomUUID());
        return written.at(-1) ?? '';
      });
    const { claims } = await store.db.transaction().execute(async (transaction) => {
      await transaction.selectFrom('installation').select('id').forUpdate().execute();
      const waiting = [claim(), claim()];
      await expect.poll(() => countWaiting(transaction)).toBe(waiting.length);
      return { claims: waiting };
    });
    expect(await Promise.all(claims)).toEqual([written[0], written[0]]);
    expect(await claim()).toBe(written[0]);
    expect(await findFilesMark(store.db)).toBe(written[0]);
    expect(written).toHaveLength(1);
  });

  /** Sessions that wait for a lock; asked in that which holds it, and which may not be idle for long. */
  async function countWaiting(holder: StoreDatabase): Promise<number> {
    const { rows } = await sql<{ waiting: number }>`
      SELECT count(*)::int AS waiting FROM pg_locks AS wanted WHERE NOT granted AND EXISTS (
        SELECT FROM pg_locks JOIN pg_database ON pg_database.oid = database
        WHERE pid = wanted.pid AND datname = current_database())`.execute(holder);
    return rows[0]?.waiting ?? 0;
  }
});

async function addConnection(): Promise<string> {
  const [id, organizationId] = [randomUUID(), randomUUID()];
  await store.db.insertInto('organizations').values({ id: organizationId, name: id }).execute();
  await store.db
    .insertInto('connections')
    .values({
      id,
      organizationId,
      name: id,
      type: 'memory',
      configuration: '{}',
      status: 'healthy',
      createdByType: 'system',
      updatedByType: 'system',
    })
    .execute();
  return id;
}

async function endHeartbeats(): Promise<void> {
  const client = new pg.Client(database.url);
  await client.connect();
  await client.query(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'millrace heartbeat'`,
  );
  await client.end();
}
