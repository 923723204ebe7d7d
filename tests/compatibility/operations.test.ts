import pg from 'pg';
import { beforeAll, describe, expect, it } from 'vitest';
import { API_VERSIONS, type ApiVersion } from '../../src/contract/index.ts';
import { appendConsoleLogs } from '../../src/store/index.ts';
import { UNKNOWN_ID, useBulkFixture } from '../setup/bulk-fixture.ts';
import { addSegment, happen, planSchemas, startSync } from '../setup/executions.ts';
import { type Contract, readContract } from './contract.ts';

const fixture = useBulkFixture();
/** One sync that ran, runs and has every option. */
let syncId: string;
let executionId: string;
let served: ReadonlyMap<ApiVersion, readonly string[]>;

const CONTRACTS = new Map<ApiVersion, Contract>(API_VERSIONS.map((version) => [version, readContract(version)]));
const visited = new Map<ApiVersion, Set<string>>(API_VERSIONS.map((version) => [version, new Set()]));

beforeAll(async () => {
  await addEvents();
  syncId = await fixture.createSync({
    additional_schedules: [
      { frequency: 'weekly', day_of_week: 'monday', hour: '1', minute: '0', schemas: ['public.orders'] },
    ],
    schemas: [
      { id: 'public.orders', fields: ['id'], filters: [{ field_id: 'id', function: 'GreaterThan', value: 1 }] },
      'public.notes',
    ],
  });
  const runnable = await fixture.createSync();
  const ended = await startSync(fixture.api, runnable);
  await happen(fixture.api, ended, 'start');
  await happen(fixture.api, ended, 'complete');
  executionId = await startSync(fixture.api, runnable);
  await happen(fixture.api, executionId, 'start');
  await planSchemas(fixture.api, executionId, [{ schemaId: 'public.orders', estimatedRecords: 100 }], new Date());
  await addSegment(fixture.api, executionId, { schemaId: 'public.orders', no: 1, records: 5, bytes: 100 });
  await appendConsoleLogs(fixture.api.services.store.db, executionId, [
    { schemaId: 'public.orders', level: 'info', message: 'One.', payload: { segments: 1 }, createdAt: new Date() },
    { schemaId: 'public.orders', level: 'warn', message: 'Two.', payload: null, createdAt: new Date() },
  ]);
  runningSyncId = runnable;
  served = new Map(
    await Promise.all(API_VERSIONS.map(async (version) => [version, await listServed(version)] as const)),
  );
});

let runningSyncId: string;

/** A table with a JSON field, into which users can look. */
async function addEvents(): Promise<void> {
  const client = new pg.Client(fixture.source.url);
  await client.connect();
  await client.query('CREATE TABLE events (id bigint PRIMARY KEY, payload jsonb)');
  await client.end();
  await fixture.api.send({ method: 'POST', url: `/api/connections/${fixture.sourceId}/schemas/refresh` });
  await fixture.refresh(fixture.sourceId);
}

/** Public operations that our own document says we serve, as `GET /api/…/{id}`. */
async function listServed(version: ApiVersion): Promise<string[]> {
  const document = (await fixture.api.send({ url: `/openapi/${version}.json` })).json();
  return Object.entries<Record<string, unknown>>(document.paths)
    .filter(([path]) => path.startsWith('/api/') && !path.startsWith('/api/x/'))
    .flatMap(([path, methods]) => Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`));
}

/** Paths with every parameter called alike: names differ between documents, places do not. */
const normal = (operation: string): string => operation.replace(/\{[^}]+\}/g, '{}');

interface Call {
  readonly version: ApiVersion;
  /** As we serve it, such as `GET /api/connections/{id}`. */
  readonly operation: string;
  /** Values of the path's parameters, in their order. */
  readonly params?: readonly string[];
  readonly query?: string;
  readonly body?: unknown;
  readonly status?: number;
  readonly authorization?: null;
}

/** Sends one request and proves that the answer is what the published document says. */
async function call({
  version,
  operation,
  params = [],
  query = '',
  body,
  status = 200,
  authorization,
}: Call): Promise<ReturnType<typeof JSON.parse>> {
  const [method = '', path = ''] = operation.split(' ');
  const left = [...params];
  const url = `${path.replace(/\{[^}]+\}/g, () => encodeURIComponent(left.shift() ?? ''))}${query}`;
  const answer = await fixture.api.send({
    // One of the methods of the list that we were given.
    method: method as 'GET',
    url,
    body,
    version,
    ...(authorization === undefined ? {} : { authorization }),
  });
  expect([url, answer.statusCode, answer.statusCode === status ? '' : answer.body]).toEqual([url, status, '']);
  expect(answer.headers['x-polytomic-version']).toBe(version);
  if (status < 300) visited.get(version)?.add(normal(operation));
  const contract = CONTRACTS.get(version);
  const published = [...(contract?.operations.keys() ?? [])].find((name) => normal(name) === normal(operation));
  if (contract === undefined || published === undefined) throw new Error(`${version} has no ${operation}`);
  if (answer.body === '') return null;
  const content = answer.json();
  expect([operation, contract.check(published, status, content)]).toEqual([operation, []]);
  expect([operation, listUnknownKeys(version, published, status, content)]).toEqual([operation, []]);
  return content;
}

const AUDIT = ['.data.created_at', '.data.created_by', '.data.updated_at', '.data.updated_by'];

/** Keys that we answer beyond the published documents: a written connection is answered as a read of it would be. */
const ADDITIONS: Readonly<Record<string, readonly string[]>> = {
  'POST /api/connections': AUDIT,
  'PUT /api/connections/{id}': AUDIT,
};

/** Where the documents after 2023 have what that of 2023 has; a lower bound knows less of it. */
const MOVED: Readonly<Record<string, string>> = {
  'PATCH /api/connections/{id}': 'PUT /api/connections/{id}',
  'PATCH /api/bulk/syncs/{id}': 'PUT /api/bulk/syncs/{id}',
  'PATCH /api/bulk/syncs/{id}/schemas/{schema_id}': 'PUT /api/bulk/syncs/{id}/schemas/{schema_id}',
  'GET /api/bulk/dest/{id}': 'GET /api/connections/{id}/bulksync/target',
  'GET /api/bulk/source/{connection_id}': 'GET /api/connections/{id}/bulksync/source',
  'GET /api/bulk/source/{connection_id}/schema/{schema_id}': 'GET /api/connections/{id}/schemas/{schema_id}',
  'GET /api/bulk/source/{connection_id}/status': 'GET /api/connections/{id}/schemas/status',
};

/** The areas of this file; those of the others are tested where they are, and all together by the conformance run. */
const AREAS = /^\w+ \/api\/(me|connection_types|connections|bulk)(\/|$)/;
/** Writes that say nothing in a body. */
const NO_BODY = /\/(refresh|cancel)$/;
const ELSEWHERE =
  /parameter_values|\/connect\/?$|\/proxy|\/shared?$|\/query$|modelsync\/|\/(source|target)(\/fields)?$|\/logs/;

/** The document of 2023 is a lower bound; live answers of that time had keys that 2024 wrote down. */
function listUnknownKeys(version: ApiVersion, operation: string, status: number, content: unknown): string[] {
  const later = MOVED[operation] ?? operation;
  const added = ADDITIONS[later] ?? [];
  const unknown = (CONTRACTS.get(version)?.listUnknownKeys(operation, status, content) ?? []).filter(
    (key) => !added.includes(key),
  );
  const next = CONTRACTS.get('2024-02-08');
  if (version !== '2023-04-25' || next?.operations.has(later) !== true) return unknown;
  const alsoThen = new Set(next.listUnknownKeys(later, status, content));
  return unknown.filter((key) => alsoThen.has(key));
}

describe.each(API_VERSIONS)('version %s', (version) => {
  const isServed = (operation: string): boolean =>
    served.get(version)?.some((name) => normal(name) === normal(operation)) ?? false;
  /** Calls an operation in the versions that have it. */
  const callIfServed = async (rest: Omit<Call, 'version'>) =>
    isServed(rest.operation) ? call({ version, ...rest }) : null;

  /** A create or update of a sync as the version says it. */
  const syncBody = (changes: Readonly<Record<string, unknown>> = {}): Record<string, unknown> => {
    const { default_schedule: schedule, ...body } = fixture.syncBody(changes);
    return version === '2025-09-18' ? { ...body, default_schedule: schedule } : { ...body, schedule };
  };

  it('serves what the published document has of these areas, and nothing else', () => {
    const published = [...(CONTRACTS.get(version)?.operations.keys() ?? [])].map(normal);
    const ours = (served.get(version) ?? []).map(normal);
    expect(ours.filter((operation) => !published.includes(operation))).toEqual([]);
    const due = published.filter((operation) => AREAS.test(operation) && !ELSEWHERE.test(operation));
    expect(due.filter((operation) => !ours.includes(operation))).toEqual([]);
  });

  it('answers about identity and connections as published', async () => {
    await call({ version, operation: 'GET /api/me' });
    await callIfServed({ operation: 'GET /api/connection_types' });
    await callIfServed({ operation: 'GET /api/connection_types/{id}', params: ['postgresql'] });
    await callIfServed({ operation: 'GET /api/connections' });
    await callIfServed({ operation: 'GET /api/connections/{id}', params: [fixture.sourceId] });
    const configuration = await connectionConfiguration();
    const body = { name: `made in ${version}`, type: 'postgresql', configuration };
    const made = await callIfServed({ operation: 'POST /api/connections', body });
    const id: string = made?.data.id ?? (await fixture.connect(`made for ${version}`, fixture.source));
    await callIfServed({
      operation: 'PUT /api/connections/{id}',
      params: [id],
      body: { name: `renamed in ${version}`, configuration },
    });
    await callIfServed({
      operation: 'PATCH /api/connections/{id}',
      params: [id],
      body: { name: `part in ${version}` },
    });
    await callIfServed({ operation: 'POST /api/connections/test', body: { type: 'postgresql', configuration } });
    await callIfServed({ operation: 'DELETE /api/connections/{id}', params: [id] });
  });

  it('answers about schemas and sync ends as published', async () => {
    const params = [fixture.sourceId];
    await callIfServed({ operation: 'GET /api/connections/{id}/schemas/status', params });
    await callIfServed({
      operation: 'GET /api/connections/{id}/schemas/{schema_id}',
      params: [...params, 'public.orders'],
    });
    await callIfServed({
      operation: 'GET /api/connections/{id}/schemas/{schema_id}/records',
      params: [...params, 'public.orders'],
    });
    await callIfServed({ operation: 'POST /api/connections/{id}/schemas/refresh', params, status: 202 });
    await fixture.refresh(fixture.sourceId);
    await callIfServed({ operation: 'GET /api/connections/{id}/bulksync/source', params });
    await callIfServed({ operation: 'GET /api/connections/{id}/bulksync/target', params: [fixture.destinationId] });
    await callIfServed({ operation: 'GET /api/bulk/source/{connection_id}', params });
    await callIfServed({ operation: 'GET /api/bulk/source/{connection_id}/status', params });
    await callIfServed({ operation: 'GET /api/bulk/dest/{id}', params: [fixture.destinationId] });
    const schema = [...params, 'public.orders'];
    await callIfServed({ operation: 'GET /api/bulk/source/{connection_id}/schema/{schema_id}', params: schema });
    await callIfServed({ operation: 'GET /api/connections/{connection_id}/{schema_id}/records', params: schema });
    const query = '?include_target_creation_values=true';
    const targets = await callIfServed({
      operation: 'GET /api/connections/{id}/modelsync/targetobjects',
      params,
      query,
    });
    const property: string | undefined = targets?.target_creation.properties[0]?.id;
    const operation = 'GET /api/connections/{id}/modelsync/targetobjects/properties/{property}';
    if (property !== undefined) await callIfServed({ operation, params: [...params, property] });
  });

  it('answers about bulk syncs as published', async () => {
    await callIfServed({ operation: 'GET /api/bulk/syncs', query: '?active=false' });
    const made = await callIfServed({ operation: 'POST /api/bulk/syncs', body: syncBody() });
    const id: string = made?.data.id ?? (await fixture.createSync());
    await callIfServed({ operation: 'GET /api/bulk/syncs/{id}', params: [syncId] });
    await callIfServed({
      operation: 'PUT /api/bulk/syncs/{id}',
      params: [id],
      body: syncBody({ active: true }),
    });
    await callIfServed({ operation: 'PATCH /api/bulk/syncs/{id}', params: [id], body: { active: true } });
    await callIfServed({ operation: 'GET /api/bulk/syncs/{id}/schemas', params: [syncId] });
    await callIfServed({
      operation: 'GET /api/bulk/syncs/{id}/schemas/{schema_id}',
      params: [syncId, 'public.orders'],
    });
    await callIfServed({
      operation: 'PATCH /api/bulk/syncs/{id}/schemas',
      params: [syncId],
      body: { schemas: [{ id: 'public.orders', user_output_name: 'sales', fields: [{ id: 'id', obfuscated: true }] }] },
    });
    await callIfServed({
      operation: 'PUT /api/bulk/syncs/{id}/schemas/{schema_id}',
      params: [syncId, 'public.orders'],
      body: { tracking_field: 'placed_at', filters: [{ field_id: 'id', function: 'GreaterThan', value: 1 }] },
    });
    await callIfServed({
      operation: 'PATCH /api/bulk/syncs/{id}/schemas/{schema_id}',
      params: [syncId, 'public.orders'],
      body: { user_output_name: 'sales' },
    });
    await callIfServed({ operation: 'POST /api/bulk/syncs/{id}/activate', params: [id], body: { active: true } });
    await callIfServed({ operation: 'DELETE /api/bulk/syncs/{id}', params: [id] });
  });

  it('answers about schedules as published', async () => {
    const id = await fixture.createSync();
    const schedules = '/api/bulk/syncs/{id}/schedules';
    const body = { schedule: { frequency: 'daily', hour: '1', minute: '0', selectiveMode: 'none' } };
    await callIfServed({ operation: `GET ${schedules}`, params: [syncId] });
    const made = await callIfServed({ operation: `POST ${schedules}`, params: [id], body });
    const params = [id, made?.data.id ?? ''];
    await callIfServed({ operation: `GET ${schedules}/{schedule_id}`, params });
    await callIfServed({ operation: `PUT ${schedules}/{schedule_id}`, params, body });
    await callIfServed({ operation: `DELETE ${schedules}/{schedule_id}`, params });
  });

  it('answers about added fields and keys as published', async () => {
    const params = [fixture.sourceId, 'public.events'];
    const field = { field_id: 'city', label: 'City', type: 'string', path: '$.payload.city', example: 'Ulm' };
    await callIfServed({
      operation: 'POST /api/connections/{id}/schemas/{schema_id}/fields',
      params,
      body: { fields: [field] },
      status: 202,
    });
    const place = [...params, 'city'];
    await callIfServed({
      operation: 'PATCH /api/connections/{id}/schemas/{schema_id}/fields/{field_id}',
      params: place,
      body: { label: 'Town' },
    });
    await callIfServed({ operation: 'GET /api/connections/{id}/schemas/{schema_id}', params });
    await callIfServed({
      operation: 'DELETE /api/connections/{id}/schemas/{schema_id}/fields/{field_id}',
      params: place,
      status: 202,
    });
    await callIfServed({
      operation: 'PUT /api/connections/{id}/schemas/{schema_id}/primary_keys',
      params,
      body: { fields: [{ field_id: 'id', is_primary_key: true }] },
      status: 202,
    });
    await callIfServed({
      operation: 'DELETE /api/connections/{id}/schemas/{schema_id}/primary_keys',
      params,
      status: 202,
    });
  });

  it('answers about executions as published', async () => {
    const id = await fixture.createSync();
    await callIfServed({ operation: 'POST /api/bulk/syncs/{id}/executions', params: [id], body: {} });
    await callIfServed({ operation: 'POST /api/bulk/syncs/{id}/cancel', params: [id] });
    const params = [runningSyncId, executionId];
    await callIfServed({
      operation: 'GET /api/bulk/syncs/{id}/executions',
      params: [runningSyncId],
      query: '?limit=1',
    });
    await callIfServed({ operation: 'GET /api/bulk/syncs/{id}/executions/{exec_id}', params });
    await callIfServed({ operation: 'GET /api/bulk/syncs/{id}/status', params: [runningSyncId] });
    await callIfServed({ operation: 'GET /api/bulk/syncs/status', query: `?sync_id=${runningSyncId}&sync_id=${id}` });
    await callIfServed({ operation: 'GET /api/bulk/syncs/{id}/executions/{exec_id}/consolelog', params });
    await callIfServed({
      operation: 'GET /api/bulk/syncs/{id}/executions/{exec_id}/schemas/{schema_id}/consolelog',
      params: [...params, 'public.orders'],
      query: '?after=0-0&limit=1',
    });
    await callIfServed({
      operation: 'POST /api/bulk/syncs/{id}/schemas/{schema_id}/cancel',
      params: [runningSyncId, 'public.orders'],
    });
    await callIfServed({ operation: 'POST /api/bulk/syncs/{id}/executions/{exec_id}/cancel', params });
  });

  it('answers errors as published', async () => {
    await call({ version, operation: 'GET /api/me', status: 401, authorization: null });
    await call({ version, operation: 'GET /api/connections/{id}', params: [UNKNOWN_ID], status: 404 });
    await call({ version, operation: 'GET /api/bulk/syncs/{id}/status', params: [UNKNOWN_ID], status: 404 });
    await call({
      version,
      operation: 'POST /api/bulk/syncs/{id}/activate',
      params: [syncId],
      body: { active: 'yes' },
      status: 400,
    });
    await callIfServed({
      operation: 'POST /api/bulk/syncs',
      body: syncBody({ policies: [UNKNOWN_ID] }),
      status: 422,
    });
    await callIfServed({ operation: 'POST /api/bulk/syncs/{id}/executions', params: [runningSyncId], status: 409 });
  });

  it('refuses what each operation cannot do as published', async () => {
    const ours = (served.get(version) ?? []).filter((operation) => AREAS.test(operation) && !ELSEWHERE.test(operation));
    for (const operation of ours) {
      const params = [...operation.matchAll(/\{/g)].map(() => UNKNOWN_ID);
      const isRead = /^(GET|DELETE) /.test(operation);
      // Where nothing is named there is nothing unknown.
      const { status, ...caller } = params.length > 0 ? { status: 404 } : { status: 401, authorization: null };
      if (isRead || NO_BODY.test(operation)) await call({ version, operation, params, status, ...caller });
      if (isRead || NO_BODY.test(operation)) continue;
      const { message } = await call({ version, operation, params, body: { colour: 'blue' }, status: 400 });
      expect([operation, message]).toEqual([operation, expect.stringContaining('`colour`')]);
    }
  });

  it('was asked everything that it serves', () => {
    const ours = (served.get(version) ?? []).filter((operation) => AREAS.test(operation) && !ELSEWHERE.test(operation));
    expect(ours.map(normal).filter((operation) => !visited.get(version)?.has(operation))).toEqual([]);
  });
});

async function connectionConfiguration(): Promise<Record<string, unknown>> {
  const answer = await fixture.api.send({ url: `/api/connections/${fixture.sourceId}` });
  const password = decodeURIComponent(new URL(fixture.source.url).password);
  return { ...answer.json().data.configuration, password };
}
