import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { BulkSyncBody, BulkSyncRequest, ExecutionBody } from '../../src/contract/index.ts';
import { createTestDatabase, type TestDatabase } from '../setup/databases.ts';
import { createTestHome, type MillraceProcess, startMillrace, type TestHome, waitFor } from '../setup/millrace.ts';
import { makeSync, postgresConfiguration, type SyncToMake, untilEnded } from '../setup/syncs.ts';

// A whole server. Its clock is the machine's, so a test says in the metadata that a schedule was due just now.

const LIMIT_MS = 90_000;

let metadata: TestDatabase;
let source: TestDatabase;
let destination: TestDatabase;
let home: TestHome;
let server: MillraceProcess;

const start = () => startMillrace(home, { DATABASE_URL: metadata.url });

beforeAll(async () => {
  [metadata, source, destination] = await Promise.all([
    createTestDatabase(),
    createTestDatabase(),
    createTestDatabase(),
  ]);
  await query(
    source,
    `CREATE TABLE people (id int PRIMARY KEY, updated_at timestamptz DEFAULT now());
     CREATE TABLE plain (id int PRIMARY KEY);
     CREATE TABLE computed (id int PRIMARY KEY, updated_at timestamptz DEFAULT now(), double int GENERATED ALWAYS AS (id * 2) STORED);
     INSERT INTO people SELECT generate_series(1, 10);
     INSERT INTO plain SELECT generate_series(1, 5);
     INSERT INTO computed SELECT generate_series(1, 3)`,
  );
  home = await createTestHome();
  server = await start();
}, LIMIT_MS);

afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await home[Symbol.asyncDispose]();
  for (const database of [metadata, source, destination]) await database[Symbol.asyncDispose]();
});

async function query(database: TestDatabase, sql: string, values?: unknown[]): Promise<unknown[]> {
  const client = new pg.Client(database === metadata ? database.url : database.ownerUrl);
  await client.connect();
  try {
    return (await client.query(sql, values)).rows;
  } finally {
    await client.end();
  }
}

const DAILY = { frequency: 'daily', hour: '3', minute: '0' } as const;

function make(name: string, options: Partial<BulkSyncRequest>, signal: AbortSignal) {
  const given: SyncToMake = {
    name,
    source: source.ownerUrl,
    destination: ['postgresql', postgresConfiguration(destination.ownerUrl)],
    schemas: [
      { id: 'public.people', tracking_field: 'updated_at' },
      'public.plain',
      { id: 'public.computed', tracking_field: 'updated_at' },
    ],
    options: { active: true, default_schedule: DAILY, destination_configuration: { schema: name }, ...options },
  };
  return makeSync(server, given, signal);
}

/** Makes one schedule due; waits for the execution that follows `known`, and for its end. */
async function runDue(sync: BulkSyncBody, scheduleId: string, known: number, signal: AbortSignal) {
  await query(metadata, 'UPDATE bulk_sync_schedules SET due_at = now() WHERE id = $1', [scheduleId]);
  const [execution] = await waitFor(async () => {
    const executions = await list(sync, signal);
    return executions.length > known ? executions : null;
  }, signal);
  if (execution === undefined) throw new Error('No execution was started.');
  return (await untilEnded(server, sync.id, execution.id, signal)).execution;
}

async function list(sync: BulkSyncBody, signal: AbortSignal): Promise<ExecutionBody[]> {
  const response = await fetch(`${server.url}/api/bulk/syncs/${sync.id}/executions`, {
    headers: { authorization: `Bearer ${server.apiKey}` },
    signal,
  });
  // The client has no list of executions; the contract test proves this shape.
  return ((await response.json()) as { data: ExecutionBody[] }).data;
}

const completed = (execution: ExecutionBody): string[] =>
  execution.schemas.flatMap(({ schema, status }) => (status === 'completed' ? [schema] : [])).sort();

it(
  'runs a sync when its schedule is due, and what came while the server was killed after its next start',
  async () => {
    const signal = AbortSignal.timeout(LIMIT_MS);
    const sync = await make('whole', {}, signal);
    const { next_execution_time: next } = await server.client.getBulkSyncStatus(sync.id, signal);
    expect(next).toMatch(/T03:00:00\.000Z$/);
    const execution = await runDue(sync, sync.default_schedule.id, 0, signal);
    expect(execution).toMatchObject({ type: 'scheduled', status: 'completed', record_count: 18 });

    await server.kill();
    await query(metadata, "UPDATE bulk_sync_schedules SET due_at = now() - interval '3 days' WHERE sync_id = $1", [
      sync.id,
    ]);
    server = await start();
    const [second] = await waitFor(async () => {
      const executions = await list(sync, signal);
      return executions.length > 1 ? executions : null;
    }, signal);
    await untilEnded(server, sync.id, second?.id ?? '', signal);
    expect((await server.client.getBulkSyncStatus(sync.id, signal)).next_execution_time).toBe(next);
    expect(await list(sync, signal)).toHaveLength(2);
  },
  LIMIT_MS,
);

it(
  'reads by an additional schedule the schemas that its selective mode means',
  async () => {
    const signal = AbortSignal.timeout(LIMIT_MS);
    const additional = (selective_mode: 'incrementalFields' | 'nonincrementalFields') => ({ ...DAILY, selective_mode });
    const sync = await make(
      'parts',
      { additional_schedules: [additional('incrementalFields'), additional('nonincrementalFields')] },
      signal,
    );
    await runDue(sync, sync.default_schedule.id, 0, signal);
    await query(source, 'UPDATE computed SET id = id + 10 WHERE id = 3');

    const [incremental, others] = sync.additional_schedules;
    const first = await runDue(sync, incremental?.id ?? '', 1, signal);
    expect(first).toMatchObject({ status: 'completed', is_partial: true });
    expect(completed(first)).toEqual(expect.arrayContaining(['public.computed', 'public.people']));
    expect(first.schemas.find(({ schema }) => schema === 'public.plain')?.record_count ?? 0).toBe(0);
    // By its cursor it does not see that a record is gone.
    expect(await gone()).toEqual([]);

    const second = await runDue(sync, others?.id ?? '', 2, signal);
    expect(second).toMatchObject({ status: 'completed', is_partial: true });
    expect(completed(second)).toEqual(expect.arrayContaining(['public.computed', 'public.plain']));
    expect(await gone()).toEqual([{ id: 3 }]);
  },
  LIMIT_MS,
);

const gone = () => query(destination, 'SELECT id FROM parts.computed WHERE __millrace_deleted_at IS NOT NULL');
