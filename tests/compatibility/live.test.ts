import { afterAll, beforeAll, expect, it } from 'vitest';
import { createTestDatabase, queryDatabase, type TestDatabase } from '../setup/databases.ts';
import { createTestHome, type MillraceProcess, startMillrace, type TestHome } from '../setup/millrace.ts';
import { makeSync, postgresConfiguration, untilEnded } from '../setup/syncs.ts';
import { readContract } from './contract.ts';

const LIMIT = AbortSignal.timeout(120_000);
const contract = readContract('2025-09-18');

let home: TestHome;
let server: MillraceProcess;
let source: TestDatabase;
let destination: TestDatabase;

beforeAll(async () => {
  home = await createTestHome();
  source = await createTestDatabase();
  destination = await createTestDatabase();
  await queryDatabase(
    source.url,
    `CREATE TABLE customers (id bigint PRIMARY KEY, "LoginID" text, updated_at timestamptz NOT NULL DEFAULT now());
     INSERT INTO customers SELECT n, 'login ' || n, now() - interval '1 day' FROM generate_series(1, 1000) n;
     CREATE TABLE notes (body text);
     INSERT INTO notes VALUES ('one'), ('two')`,
  );
  server = await startMillrace(home);
}, 120_000);

afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await source[Symbol.asyncDispose]();
  await destination[Symbol.asyncDispose]();
  await home[Symbol.asyncDispose]();
});

/** An answer of the running server, proved against the published document. */
async function get(operation: string, path: string): Promise<ReturnType<typeof JSON.parse>> {
  const answer = await fetch(`${server.url}${path}`, {
    headers: { authorization: `Bearer ${server.apiKey}` },
    signal: LIMIT,
  });
  const body = await answer.json();
  expect([path, answer.status, contract.check(operation, 200, body)]).toEqual([path, 200, []]);
  expect([path, contract.listUnknownKeys(operation, 200, body)]).toEqual([path, []]);
  return body;
}

it('tells of real executions as published, and proves them in receipts', { timeout: 120_000 }, async () => {
  const { client } = server;
  const made = await makeSync(
    server,
    {
      name: 'live',
      source: source.url,
      destination: ['postgresql', postgresConfiguration(destination.url)],
      schemas: [{ id: 'public.customers', tracking_field: 'updated_at' }, 'public.notes'],
    },
    LIMIT,
  );
  const started = await client.startBulkSync(made.id, {}, LIMIT);
  const first = await untilEnded(server, made.id, started.id, LIMIT);
  expect([first.execution.status, first.execution.status_message, first.receipt?.verdict]).toEqual([
    'completed',
    undefined,
    'equal',
  ]);
  expect(first.execution.record_count).toBe(1002);

  await queryDatabase(source.url, 'UPDATE customers SET updated_at = now() WHERE id <= 10');
  const again = await client.startBulkSync(made.id, {}, LIMIT);
  const second = await untilEnded(server, made.id, again.id, LIMIT);
  expect(second.receipt?.verdict).toBe('equal');
  const schemas = new Map(second.execution.schemas.map((schema) => [schema.schema, schema]));
  expect(schemas.get('public.customers')).toMatchObject({
    status: 'completed',
    record_count: 10,
    output_name: 'customers',
  });

  const { data } = await get('GET /api/bulk/syncs/{id}/status', `/api/bulk/syncs/${made.id}/status`);
  expect(data).toMatchObject({ last_execution: { id: again.id }, next_execution_time: null });
  expect(data).not.toHaveProperty('current_execution');
  const list = await get('GET /api/bulk/syncs/{id}/executions', `/api/bulk/syncs/${made.id}/executions`);
  expect(list.data.map((execution: { id: string }) => execution.id)).toEqual([again.id, started.id]);
  await get('GET /api/bulk/syncs/{id}/executions/{exec_id}', `/api/bulk/syncs/${made.id}/executions/${again.id}`);

  const progress = await client.getProgress(made.id, started.id, LIMIT);
  expect(progress.schemas.map((schema) => [schema.schema, schema.phase, schema.records]).sort()).toEqual([
    ['public.customers', 'done', 1000],
    ['public.notes', 'done', 2],
  ]);
  const rows = await queryDatabase(
    destination.url,
    'SELECT count(*)::int AS records, min(login_id) AS login FROM landing.customers',
  );
  expect(rows).toEqual([[1000, 'login 1']]);
});
