import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createTestDatabase } from '../../../tests/setup/databases.ts';
import { fillHistory, type History, type HistorySize } from '../../../tests/setup/history.ts';
import { openStore, type Store, type StoreDatabase } from '../database.ts';
import { listDueSyncs } from '../syncs/bulk-sync-schedules.ts';
import { listLastSchemaExecutions, listSyncStatuses } from '../syncs/sync-statuses.ts';
import { findCurrentAndLast, insertExecution, listExecutions } from './executions.ts';
import { removeExpiredExecutions, removeOldWorkers } from './retention.ts';
import { findCancellations, listOpenExecutions } from './runs.ts';
import { claimItem, hasOpenItems, saveProgress } from './work-items.ts';
import { beat, buryWorkers, listDeadWorkers, registerWorker } from './workers.ts';

/** A million shows the same and takes some minutes: set it then. */
const EXECUTIONS = Number(process.env.MILLRACE_TEST_EXECUTIONS ?? 20_000);
const SYNCS = 20;
const LIMIT = { executions: 100, rows: 10_000 };

let home: string;
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'millrace-retention-'));
});
afterAll(() => rm(home, { recursive: true }));

interface Past extends AsyncDisposable {
  readonly store: Store;
  readonly history: History;
}

let homes = 0;

async function openPast(size: HistorySize): Promise<Past> {
  const stack = new AsyncDisposableStack();
  const database = stack.use(await createTestDatabase());
  homes += 1;
  const masterKey = { environment: null, file: join(home, `master-${homes}.key`) };
  const store = await openStore({ url: database.ownerUrl, masterKey, maxConnections: 3 });
  stack.defer(() => store.close());
  const history = stack.use(await fillHistory(database, size));
  return { store, history, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

describe('a long history', () => {
  let past: Past;
  beforeAll(async () => {
    past = await openPast({ syncs: SYNCS, executionsPerSync: EXECUTIONS / SYNCS });
  }, 900_000);
  afterAll(() => past[Symbol.asyncDispose]());

  const worker = '00000000-0000-4000-8000-000000000001';
  const page = { limit: 50, after: null, onlyTerminal: false, ascending: false };

  it.each<[string, (db: StoreDatabase, syncId: string, organizationId: string) => Promise<unknown>]>([
    ['a page of executions', (db, sync, organization) => listExecutions(db, organization, sync, page)],
    [
      'a later page',
      (db, sync, organization) =>
        listExecutions(db, organization, sync, { ...page, after: { time: '1600000000000000', id: sync } }),
    ],
    [
      'a page of what ended',
      (db, sync, organization) => listExecutions(db, organization, sync, { ...page, onlyTerminal: true }),
    ],
    ['the last executions', (db, sync, organization) => findCurrentAndLast(db, organization, sync)],
    ['open executions', (db) => listOpenExecutions(db)],
    ['what was cancelled', (db, sync) => findCancellations(db, [sync])],
    ['statuses of all syncs', (db, _, organization) => listSyncStatuses(db, organization, 'all')],
    ['what was last done with schemas', (db, sync, organization) => listLastSchemaExecutions(db, organization, [sync])],
    ['due schedules', (db) => listDueSyncs(db, new Date(), 100)],
    ['a start', (db, sync, organization) => startExecution(db, sync, organization)],
    ['a claim', (db, sync) => claimItem(db, { executionId: sync, laneId: 'lane', workerId: worker })],
    ['open work', (db, sync) => hasOpenItems(db, sync)],
    ['a heartbeat', (db) => beat(db, worker)],
    [
      'dead workers',
      (db) => buryWorkers(db, { besides: worker, now: new Date(), silentMs: 10_000 }).then(() => listDeadWorkers(db)),
    ],
    ['expired executions', (db) => removeExpiredExecutions(db, { days: 90, executions: 100 }, LIMIT)],
  ])('is not read through for %s', async (_, work) => {
    const { history } = past;
    const [syncId = ''] = history.syncIds;
    const plans = await history.explain((db) => work(db, syncId, history.organizationId));
    expect(plans.length).toBeGreaterThan(0);
    for (const plan of plans) {
      expect(plan).not.toMatch(
        /Seq Scan on (executions|execution_schemas|segments|console_logs|rejects|drift_events)\b/,
      );
    }
  });

  it('is removed without a look through what refers to it', async () => {
    const unindexed = await past.history.sql(`
      SELECT conrelid::regclass::text AS table FROM pg_constraint f
      WHERE contype = 'f' AND confrelid = 'executions'::regclass AND NOT EXISTS (
        SELECT FROM pg_index i WHERE i.indrelid = f.conrelid AND i.indpred IS NULL AND i.indkey[0] = f.conkey[1])`);
    expect(unindexed).toEqual([]);
  });

  it('is not indexed anew by progress and heartbeats', async () => {
    const { store, history } = past;
    const [execution] = await history.sql('SELECT id FROM executions LIMIT 1');
    const executionId = String(execution?.id);
    await registerWorker(store.db, { id: worker, host: 'here', pid: 1, build: '1' });
    await history.sql(`UPDATE segments SET state = 'owned', worker_id = $1 WHERE execution_id = $2 AND no = 1`, [
      worker,
      executionId,
    ]);
    const item = {
      executionId,
      schemaId: 'public.items',
      generation: 1,
      no: 1,
      kind: 'read',
      range: null,
      token: 0,
    } as const;
    const updates = await store.transaction(async ({ db, client }) => {
      for (let records = 1; records <= 5; records += 1) {
        await saveProgress(db, item, worker, { records, bytes: records });
        await beat(db, worker);
      }
      const { rows } = await client.query(
        `SELECT relname AS table, n_tup_upd::int AS updates, n_tup_hot_upd::int AS hot FROM pg_stat_xact_user_tables
         WHERE relname IN ('segments', 'workers') ORDER BY 1`,
      );
      return rows;
    });
    expect(updates).toEqual([
      { table: 'segments', updates: 5, hot: 5 },
      { table: 'workers', updates: 5, hot: 5 },
    ]);
  });

  function startExecution(db: StoreDatabase, syncId: string, organizationId: string): Promise<unknown> {
    return insertExecution(db, organizationId, { id: worker, syncId, createdByType: 'system' });
  }
});

describe('removal of old executions', () => {
  let past: Past;
  let sync: string;
  beforeEach(async () => {
    past = await openPast({ syncs: 2, executionsPerSync: 300 });
    sync = past.history.syncIds[0] ?? '';
  });
  afterEach(() => past[Symbol.asyncDispose]());

  const query = (text: string, values?: readonly unknown[]) => past.history.sql(text, values);

  const count = async (what = 'true'): Promise<number> =>
    Number((await query(`SELECT count(*) FROM executions WHERE sync_id = $1 AND ${what}`, [sync]))[0]?.count);

  async function removeAll(days: number, executions: number): Promise<void> {
    while ((await removeExpiredExecutions(past.store.db, { days, executions }, LIMIT)) > 0);
  }

  async function makeOlder(): Promise<void> {
    await query(
      `UPDATE executions SET created_at = created_at - interval '1 year', completed_at = completed_at - interval '1 year'`,
    );
  }

  it('keeps what is young, also when it is much', async () => {
    await removeAll(200, 3);
    expect(await count()).toBe(200);
    expect(await count(`created_at < now() - interval '200 days'`)).toBe(0);
  });

  it('keeps the newest of each sync, also when they are old, with what belongs to them', async () => {
    await makeOlder();
    await removeAll(90, 30);
    expect(await count()).toBe(30);
    const [rows] = await query(
      `SELECT (SELECT count(*)::int FROM segments WHERE execution_id = e.id) AS segments,
         (SELECT count(*)::int FROM console_logs WHERE execution_id = e.id) AS logs
       FROM executions e WHERE sync_id = $1 ORDER BY created_at LIMIT 1`,
      [sync],
    );
    expect(rows).toEqual({ segments: 3, logs: 1 });
    const [orphans] = await query(
      'SELECT count(*)::int AS count FROM segments s WHERE NOT EXISTS (SELECT FROM executions e WHERE e.id = s.execution_id)',
    );
    expect(orphans).toEqual({ count: 0 });
  });

  it('keeps the last receipt of a sync however many executions have failed since, and one that runs', async () => {
    await makeOlder();
    await query(
      `UPDATE executions SET status = 'failed', receipt = NULL WHERE sync_id = $1
         AND id <> (SELECT id FROM executions WHERE sync_id = $1 AND status = 'completed' ORDER BY created_at LIMIT 1)`,
      [sync],
    );
    await query(
      `UPDATE executions SET status = 'running', completed_at = NULL
       WHERE id = (SELECT id FROM executions WHERE sync_id = $1 AND status = 'failed' ORDER BY created_at LIMIT 1)`,
      [sync],
    );
    await removeAll(90, 1);
    expect([await count(`status = 'running'`), await count(`status = 'completed'`), await count()]).toEqual([1, 1, 3]);
  });

  it('takes no more at once than was allowed, but one that is larger than that', async () => {
    await makeOlder();
    const kept = { days: 1, executions: 1 };
    // Three segments and a console line each.
    const before = await count();
    expect(await removeExpiredExecutions(past.store.db, kept, { executions: 10, rows: 9 })).toBe(2);
    expect(await removeExpiredExecutions(past.store.db, kept, { executions: 10, rows: 1 })).toBe(1);
    expect(await removeExpiredExecutions(past.store.db, kept, { executions: 2, rows: 1_000 })).toBe(2);
    expect(before - (await count())).toBe(5);
  });

  it('forgets workers that are dead for longer than anybody asks for them', async () => {
    await query(
      `INSERT INTO workers (id, host, pid, build, dead_at) SELECT gen_random_uuid(), 'here', 1, '1', now() - days * interval '1 day'
       FROM unnest(ARRAY[20, 60, 100]) days`,
    );
    expect(await removeOldWorkers(past.store.db, 1)).toBe(2);
    expect(await listDeadWorkers(past.store.db)).toHaveLength(1);
  });
});
