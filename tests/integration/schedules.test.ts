import { expect, it } from 'vitest';
import type { BulkSyncBody, BulkSyncRequest, ExecutionBody } from '../../src/contract/index.ts';
import { queryDatabase } from '../setup/databases.ts';
import { LIMIT_MS, useServer, useSyncScene } from '../setup/hooks.ts';
import { waitFor } from '../setup/millrace.ts';
import { untilEnded } from '../setup/syncs.ts';

// A whole server. Its clock is the machine's, so a test says in the metadata that a schedule was due just now.

const SOURCE = `
  CREATE TABLE people (id int PRIMARY KEY, updated_at timestamptz DEFAULT now());
  CREATE TABLE plain (id int PRIMARY KEY);
  CREATE TABLE computed (id int PRIMARY KEY, updated_at timestamptz DEFAULT now(), double int GENERATED ALWAYS AS (id * 2) STORED);
  INSERT INTO people SELECT generate_series(1, 10);
  INSERT INTO plain SELECT generate_series(1, 5);
  INSERT INTO computed SELECT generate_series(1, 3)`;

const server = useServer();
const scene = useSyncScene(server, SOURCE);

/** Half a day from now: no schedule is due by itself while the tests run. */
const HOUR = (new Date().getUTCHours() + 12) % 24;
const DAILY = { frequency: 'daily', hour: String(HOUR), minute: '0' } as const;

const make = (options: Partial<BulkSyncRequest> = {}) =>
  scene.make(
    [
      { id: 'public.people', tracking_field: 'updated_at' },
      'public.plain',
      { id: 'public.computed', tracking_field: 'updated_at' },
    ],
    { active: true, default_schedule: DAILY, ...options },
  );

const inMetadata = (sql: string, value: string) => queryDatabase(server.metadata.url, sql, [value]);

/** Makes one schedule due; waits for the execution that follows `known`, and for its end. */
async function runDue(sync: BulkSyncBody, scheduleId: string, known: number) {
  await inMetadata('UPDATE bulk_sync_schedules SET due_at = now() WHERE id = $1', scheduleId);
  const [execution] = await waitFor(async () => {
    const executions = await list(sync);
    return executions.length > known ? executions : null;
  }, scene.signal);
  if (execution === undefined) throw new Error('No execution was started.');
  return (await untilEnded(server, sync.id, execution.id, scene.signal)).execution;
}

async function list({ id }: BulkSyncBody): Promise<ExecutionBody[]> {
  return (await scene.send('GET', `/api/bulk/syncs/${id}/executions`)).data;
}

const completed = (execution: ExecutionBody): string[] =>
  execution.schemas.flatMap(({ schema, status }) => (status === 'completed' ? [schema] : [])).sort();

it(
  'runs a sync when its schedule is due, and what came while the server was killed after its next start',
  async () => {
    const sync = await make();
    const { next_execution_time: next } = await server.client.getBulkSyncStatus(sync.id, scene.signal);
    expect(next?.slice(10)).toBe(`T${String(HOUR).padStart(2, '0')}:00:00.000Z`);
    const execution = await runDue(sync, sync.default_schedule.id, 0);
    expect(execution).toMatchObject({ type: 'scheduled', status: 'completed', record_count: 18 });

    await server.kill();
    await inMetadata("UPDATE bulk_sync_schedules SET due_at = now() - interval '3 days' WHERE sync_id = $1", sync.id);
    await server.restart();
    const [second] = await waitFor(async () => {
      const executions = await list(sync);
      return executions.length > 1 ? executions : null;
    }, scene.signal);
    await untilEnded(server, sync.id, second?.id ?? '', scene.signal);
    expect((await server.client.getBulkSyncStatus(sync.id, scene.signal)).next_execution_time).toBe(next);
    expect(await list(sync)).toHaveLength(2);
  },
  LIMIT_MS,
);

it(
  'reads by an additional schedule the schemas that its selective mode means',
  async () => {
    const additional = (selective_mode: 'incrementalFields' | 'nonincrementalFields') => ({ ...DAILY, selective_mode });
    const sync = await make({
      additional_schedules: [additional('incrementalFields'), additional('nonincrementalFields')],
    });
    await runDue(sync, sync.default_schedule.id, 0);
    await scene.inSource('UPDATE computed SET id = id + 10 WHERE id = 3');

    const [incremental, others] = sync.additional_schedules;
    const first = await runDue(sync, incremental?.id ?? '', 1);
    expect(first).toMatchObject({ status: 'completed', is_partial: true });
    expect(completed(first)).toEqual(expect.arrayContaining(['public.computed', 'public.people']));
    expect(first.schemas.find(({ schema }) => schema === 'public.plain')?.record_count ?? 0).toBe(0);
    // By its cursor it does not see that a record is gone.
    expect(await gone()).toEqual([]);

    const second = await runDue(sync, others?.id ?? '', 2);
    expect(second).toMatchObject({ status: 'completed', is_partial: true });
    expect(completed(second)).toEqual(expect.arrayContaining(['public.computed', 'public.plain']));
    expect(await gone()).toEqual([[3]]);
  },
  LIMIT_MS,
);

const gone = () => scene.inDestination('SELECT id FROM landing.computed WHERE __millrace_deleted_at IS NOT NULL');
