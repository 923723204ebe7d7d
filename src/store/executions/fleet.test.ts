import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../../tests/setup/databases.ts';
import { openStore, type Store } from '../database.ts';
import { readFleetFacts } from './fleet.ts';
import { sumExecutionTiming, sumSchemaTimings } from './timing.ts';

let database: TestDatabase;
let store: Store;
let home: string;
const organizationId = randomUUID();
const connectionId = randomUUID();

beforeAll(async () => {
  database = await createTestDatabase();
  home = mkdtempSync(join(tmpdir(), 'millrace-fleet-'));
  store = await openStore({ url: database.url, masterKey: { environment: null, file: join(home, 'master.key') } });
  await run(`INSERT INTO organizations (id, name) VALUES ('${organizationId}', 'Test')`);
  await run(`INSERT INTO connections (id, organization_id, name, type, configuration, status, created_by_type, updated_by_type)
    VALUES ('${connectionId}', '${organizationId}', 'c', 'memory', '{}', 'healthy', 'system', 'system')`);
});
afterAll(async () => {
  await store.close();
  await database[Symbol.asyncDispose]();
  rmSync(home, { recursive: true });
});
afterEach(() => run('DELETE FROM bulk_syncs; DELETE FROM workers'));

const run = (sql: string) => store.pool.query(sql);

/** A sync made three days ago, active and due by a schedule unless told otherwise. */
async function addSync(given: { readonly isActive?: boolean; readonly isDue?: boolean } = {}): Promise<string> {
  const id = randomUUID();
  await run(`INSERT INTO bulk_syncs (id, organization_id, name, active, mode, source_connection_id, destination_connection_id,
      destination_configuration, automatically_add_new_fields, automatically_add_new_objects, normalize_names,
      created_by_type, updated_by_type, created_at)
    VALUES ('${id}', '${organizationId}', 's', ${given.isActive ?? true}, 'replicate', '${connectionId}', '${connectionId}',
      '{}', 'all', 'none', 'enabled', 'system', 'system', now() - interval '3 days')`);
  await run(`INSERT INTO bulk_sync_schedules (id, sync_id, organization_id, is_default, position, settings, created_by_type,
      updated_by_type, due_at)
    VALUES (gen_random_uuid(), '${id}', '${organizationId}', true, 0, '{}', 'system', 'system',
      ${given.isDue === false ? 'NULL' : 'now()'})`);
  return id;
}

async function addExecution(syncId: string, status: string, age: string, more = "false, 'manual'"): Promise<string> {
  const id = randomUUID();
  await run(`INSERT INTO executions (id, organization_id, sync_id, status, created_at, created_by_type, is_test, type)
    VALUES ('${id}', '${organizationId}', '${syncId}', '${status}', now() - interval '${age}', 'system', ${more})`);
  return id;
}

async function addSchema(executionId: string, schemaId: string, status: string): Promise<void> {
  await run(`INSERT INTO execution_schemas (execution_id, schema_id, organization_id, position, status, generation)
    VALUES ('${executionId}', '${schemaId}', '${organizationId}', 0, '${status}', 1)`);
}

/** @param timing SQL of a jsonb value */
async function addStep(
  executionId: string,
  schemaId: string,
  no: number,
  state: string,
  timing = 'NULL',
): Promise<void> {
  await run(`INSERT INTO segments (execution_id, schema_id, generation, no, kind, state, lane_id, started_at, timing)
    VALUES ('${executionId}', '${schemaId}', 1, ${no}, 'read', '${state}', 'lane ' || ${no} % 2, now(), ${timing})`);
}

describe('readFleetFacts', () => {
  it('is empty where nothing is', async () => {
    expect(await readFleetFacts(store.db)).toEqual({
      openExecutions: {},
      steps: { waiting: 0, owned: 0 },
      workers: { alive: 0, longestSilenceSeconds: null },
      oldestSnapshotSeconds: null,
      syncs: [],
    });
  });

  it('counts open executions and the steps that somebody will take', async () => {
    const syncId = await addSync();
    await addExecution(syncId, 'completed', '1 hour');
    const id = await addExecution(syncId, 'running', '1 minute');
    await addSchema(id, 'a', 'running');
    await addSchema(id, 'b', 'failed');
    await addStep(id, 'a', 1, 'done');
    await addStep(id, 'a', 2, 'owned');
    await addStep(id, 'a', 3, 'waiting');
    await addStep(id, 'a', 4, 'waiting');
    await addStep(id, 'b', 1, 'waiting');
    const { openExecutions, steps } = await readFleetFacts(store.db);
    expect({ openExecutions, steps }).toEqual({ openExecutions: { running: 1 }, steps: { waiting: 2, owned: 1 } });
  });

  it('counts the lag from the request of the last completed load', async () => {
    const syncId = await addSync();
    await addExecution(syncId, 'completed', '2 hours');
    await addExecution(syncId, 'errors', '1 hour');
    await addExecution(syncId, 'completed', '10 minutes', "true, 'manual'");
    await addExecution(syncId, 'completed', '5 minutes', "false, 'verify'");
    const { syncs } = await readFleetFacts(store.db);
    expect(syncs).toEqual([{ syncId, lastStatus: 'errors', lagSeconds: expect.any(Number) }]);
    expect(Math.round((syncs[0]?.lagSeconds ?? 0) / 60)).toBe(120);
  });

  it('counts it from its making where a sync has never completed, and passes over those that nothing starts', async () => {
    const syncId = await addSync();
    await addSync({ isActive: false });
    await addSync({ isDue: false });
    const { syncs } = await readFleetFacts(store.db);
    expect(syncs).toEqual([{ syncId, lastStatus: null, lagSeconds: expect.any(Number) }]);
    expect(Math.round((syncs[0]?.lagSeconds ?? 0) / 3_600)).toBe(72);
  });

  it('knows the oldest snapshot that a living worker holds, and who is silent', async () => {
    const [living, dead] = [randomUUID(), randomUUID()];
    const minutes = async () => Math.round(((await readFleetFacts(store.db)).oldestSnapshotSeconds ?? 0) / 60);
    await run(`INSERT INTO workers (id, host, pid, build, heartbeat_at, dead_at) VALUES
      ('${living}', 'h', 1, 'b', now() - interval '3 seconds', NULL), ('${dead}', 'h', 2, 'b', now() - interval '1 day', now())`);
    const id = await addExecution(await addSync(), 'running', '1 hour');
    await run(`INSERT INTO execution_snapshots (execution_id, epoch, worker_id, snapshot, opened_at, closed_at) VALUES
      ('${id}', 1, '${dead}', '{}', now() - interval '50 minutes', NULL),
      ('${id}', 2, '${living}', '{}', now() - interval '40 minutes', now()),
      ('${id}', 3, '${living}', '{}', now() - interval '30 minutes', NULL)`);
    await run(`INSERT INTO snapshot_holders (execution_id, epoch, worker_id, snapshot) VALUES
      ('${id}', 1, '${dead}', '{}'), ('${id}', 3, '${living}', '{}')`);
    const { workers } = await readFleetFacts(store.db);
    expect(workers.alive).toBe(1);
    expect(Math.floor(workers.longestSilenceSeconds ?? 0)).toBeGreaterThanOrEqual(3);
    expect(await minutes()).toBe(30);
    // Who opened it is gone, another one still holds it.
    await run(
      `INSERT INTO snapshot_holders (execution_id, epoch, worker_id, snapshot) VALUES ('${id}', 1, '${living}', '{}')`,
    );
    expect(await minutes()).toBe(50);
    // Renewed: nobody holds the old one, which is closed with the execution.
    await run(`DELETE FROM snapshot_holders WHERE epoch = 1`);
    expect(await minutes()).toBe(30);
  });
});

describe('sumExecutionTiming', () => {
  it('sums parts over all steps, and what passed before the lanes began', async () => {
    const id = await addExecution(await addSync(), 'running', '1 minute');
    await run(`UPDATE executions SET started_at = created_at + interval '2 seconds', planning_ms = 500,
      planned_at = now() WHERE id = '${id}'`);
    await addSchema(id, 'a', 'running');
    await addSchema(id, 'b', 'running');
    await addStep(id, 'a', 1, 'done', `'{"source": 10, "codec": 2.5}'`);
    await addStep(id, 'a', 2, 'done', `'{"source": 30}'`);
    await addStep(id, 'b', 1, 'owned');
    await run(
      `UPDATE segments SET started_at = planned_at + no * interval '1 second' FROM executions WHERE executions.id = '${id}'`,
    );
    expect(await sumExecutionTiming(store.db, id)).toEqual({
      // Two seconds for a worker, then one and two for the lanes.
      waiting: expect.closeTo(5_000, 3),
      planning: 500,
      lanes: 2,
      parts: { source: 40, codec: 2.5 },
      bottleneck: 'waiting',
    });
    expect(await sumSchemaTimings(store.db, id)).toEqual([{ schemaId: 'a', parts: { source: 40, codec: 2.5 } }]);
  });

  it('is nothing where nothing has begun', async () => {
    const id = await addExecution(await addSync(), 'created', '1 minute');
    const nothing = { waiting: 0, planning: 0, lanes: 0, parts: {}, bottleneck: null };
    expect(await sumExecutionTiming(store.db, id)).toEqual(nothing);
    expect(await sumExecutionTiming(store.db, randomUUID())).toBeNull();
  });
});
