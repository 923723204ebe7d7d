import pg from 'pg';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { appendConsoleLogs } from '../../src/store/index.ts';
import { useBulkFixture } from '../setup/bulk-fixture.ts';
import { queryDatabase } from '../setup/databases.ts';
import { happen, planSchemas, startSync } from '../setup/executions.ts';
import { copyRows } from '../setup/many-rows.ts';
import { storeModel } from '../setup/models.ts';

// Lists of a store with many records find theirs by an index: PostgreSQL is asked how it answers their own SQL.

const fixture = useBulkFixture();
let syncId: string;
let executionId: string;

const SYNCS = 1_000;
const EXECUTIONS = 8;

beforeAll(async () => {
  const { api } = fixture;
  const { pool, db } = api.services.store;
  const model = await storeModel(api, { connectionId: fixture.sourceId, name: 'Customers', fields: { id: 'number' } });
  await queryDatabase(fixture.destination.url, 'CREATE TABLE people (id bigint PRIMARY KEY, email text)');
  const identity = { source: { model_id: model.id, field: 'id' }, target: 'id', function: 'Equality' };
  syncId = await fixture.createSync();
  executionId = await startSync(api, syncId);
  await happen(api, executionId, 'start');
  await planSchemas(api, executionId, [{ schemaId: 'public.orders' }, { schemaId: 'public.notes' }], new Date());
  await appendConsoleLogs(db, executionId, [
    { schemaId: 'public.orders', level: 'info', message: 'One.', payload: null, createdAt: new Date() },
  ]);
  await happen(api, executionId, 'complete');
  const made = await fixture.send('POST', '/api/syncs', {
    name: 'People',
    mode: 'updateOrCreate',
    target: { connection_id: fixture.destinationId, object: 'public.people' },
    identity,
    fields: [{ source: { model_id: model.id, field: 'id' }, target: 'id' }],
    schedule: { frequency: 'manual' },
  });
  const copies = SYNCS;
  const id = 'gen_random_uuid()';
  const newer = {
    created_at: `t.created_at - n * interval '1 second'`,
    updated_at: `t.updated_at - n * interval '1 second'`,
  };
  await copyRows(pool, { table: 'bulk_syncs', copies, changes: { id, ...newer } });
  const syncs = `(SELECT array_agg(id) FROM bulk_syncs WHERE id <> '${syncId}')`;
  await copyRows(pool, { table: 'bulk_sync_schedules', copies, changes: { id, sync_id: `(${syncs})[n]` } });
  await copyRows(pool, {
    table: 'executions',
    copies: SYNCS * EXECUTIONS,
    changes: { id, sync_id: `(${syncs})[1 + n % ${SYNCS}]`, ...newer },
  });
  const executions = `(SELECT array_agg(id) FROM executions WHERE id <> '${executionId}')`;
  await copyRows(pool, { table: 'execution_schemas', copies: 3_000, changes: { execution_id: `(${executions})[n]` } });
  await copyRows(pool, {
    table: 'console_logs',
    copies: 3_000,
    changes: { execution_id: `(${executions})[n]`, no: 'n + 10' },
  });
  await copyRows(pool, { table: 'models', copies, changes: { id, ...newer } });
  expect([made.status, made.status === 200 ? '' : made.body]).toEqual([200, '']);
  await copyRows(pool, { table: 'model_syncs', copies, changes: { id, ...newer } });
  await copyRows(pool, { table: 'events', copies, changes: { id, created_at: newer.created_at } });
  await copyRows(pool, { table: 'audit_entries', copies, changes: { object_id: `'object ' || n` } });
  await pool.query('ANALYZE');
});

interface Plan {
  readonly 'Node Type': string;
  readonly 'Relation Name'?: string;
  readonly Plans?: readonly Plan[];
}

/** Tables of a plan that are read from one end to the other. */
function listScanned(plan: Plan): string[] {
  const own = plan['Node Type'] === 'Seq Scan' ? [plan['Relation Name'] ?? ''] : [];
  return [...own, ...(plan.Plans ?? []).flatMap(listScanned)];
}

const BIG = [
  ...[
    'bulk_syncs',
    'executions',
    'execution_schemas',
    'console_logs',
    'models',
    'model_syncs',
    'events',
    'audit_entries',
  ],
];

/** Big tables that the server scanned for one request. */
async function findScans(url: string): Promise<string[]> {
  const asked: { readonly text: string; readonly values: readonly unknown[] }[] = [];
  const spy = vi.spyOn(pg.Client.prototype, 'query').mockImplementation(function (
    this: pg.Client,
    ...taken: unknown[]
  ) {
    const [text, values] = taken;
    if (typeof text === 'string' && /^(select|with)\b/i.test(text)) {
      asked.push({ text, values: Array.isArray(values) ? values : [] });
    }
    // What the client itself would have been given.
    return Reflect.apply(original, this, taken) as never;
  });
  const { status, body } = await fixture.send('GET', url);
  spy.mockRestore();
  expect([url, status, status === 200 ? '' : body]).toEqual([url, 200, '']);
  expect(asked.length).toBeGreaterThan(0);
  const scanned: string[] = [];
  const { services, keys } = fixture.api;
  // As the server's own sessions: what they may see is a part of the plan.
  await services.store.forOrganization(keys.organizationId).transaction(async ({ client }) => {
    for (const { text, values } of asked) {
      const { rows } = await client.query(`EXPLAIN (FORMAT JSON) ${text}`, [...values]);
      scanned.push(...listScanned(rows[0]['QUERY PLAN'][0].Plan));
    }
  });
  return scanned.filter((table) => BIG.includes(table));
}

const original = pg.Client.prototype.query;

describe('a store of many syncs and executions', () => {
  it.each<[string, () => string]>([
    ['bulk syncs', () => '/api/bulk/syncs?limit=50'],
    ['active bulk syncs', () => '/api/bulk/syncs?active=false'],
    ['executions', () => `/api/bulk/syncs/${syncId}/executions?limit=10`],
    ['ended executions, oldest first', () => `/api/bulk/syncs/${syncId}/executions?only_terminal=true&ascending=true`],
    ['one execution', () => `/api/bulk/syncs/${syncId}/executions/${executionId}`],
    ['the status of a sync', () => `/api/bulk/syncs/${syncId}/status`],
    ['the status of some syncs', () => `/api/bulk/syncs/status?sync_id=${syncId}`],
    ['what an execution told', () => `/api/bulk/syncs/${syncId}/executions/${executionId}/consolelog`],
    ['models', () => '/api/models?limit=10'],
    ['model syncs', () => '/api/syncs?limit=10'],
    ['events', () => '/api/events?limit=10'],
    ['events of a type', () => '/api/events?type=bulk_sync.running&limit=10'],
    ['the audit log', () => '/api/x/audit?limit=10'],
  ])('finds %s by an index', async (_what, url) => {
    expect(await findScans(url())).toEqual([]);
  });

  it('would show a scan, where there is one', async () => {
    const { rows } = await fixture.api.services.store.pool.query(
      `EXPLAIN (FORMAT JSON) SELECT count(*) FROM executions WHERE status_message = 'x'`,
    );
    expect(listScanned(rows[0]['QUERY PLAN'][0].Plan)).toEqual(['executions']);
  });
});
