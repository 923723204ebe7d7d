import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { startTestApi, type TestApi } from '../../../tests/setup/api.ts';
import { createMemorySystem } from '../../../tests/setup/memory-connector.ts';
import { type SchemaDescription, SyncError } from '../../core/index.ts';
import { refreshSchemas } from '../../operations/index.ts';

const CONTACT: SchemaDescription = {
  id: 'public.contact',
  name: 'contact',
  primaryKey: ['id'],
  estimatedRecords: 3,
  estimatedBytes: null,
  fields: [
    {
      id: 'id',
      name: 'id',
      type: 'number',
      remoteType: 'bigint',
      logicalType: { kind: 'integer', bits: 64 },
      isNullable: false,
      isPrimaryKey: true,
      canTrack: true,
    },
    {
      id: 'account id',
      name: 'account id',
      type: 'number',
      remoteType: 'bigint',
      logicalType: { kind: 'integer', bits: 64 },
      isNullable: true,
      isPrimaryKey: false,
      canTrack: false,
      association: { id: 'fk', name: 'fk', referenceTo: ['public.account'], referencedField: 'id' },
      values: [{ label: 'One', value: '1' }],
    },
  ],
};

const system = createMemorySystem([CONTACT]);
let api: TestApi;

beforeAll(async () => {
  api = await startTestApi({ connectors: [system.definition] });
});
afterAll(() => api[Symbol.asyncDispose]());

let count = 0;
async function createConnection(): Promise<string> {
  const body = { name: `Source ${++count}`, type: 'memory', configuration: { hostname: 'h', password: 'right' } };
  return (await api.send({ method: 'POST', url: '/api/connections', body })).json().data.id;
}

const refresh = (connectionId: string): Promise<boolean> =>
  refreshSchemas(api.services, { connectionId, organizationId: api.keys.organizationId }, new AbortController().signal);

/** One behind another: the session of the first has its lock until it has ended, a moment after that refresh. */
const refreshAgain = (connectionId: string) => expect.poll(() => refresh(connectionId)).toBe(true);

async function createFilled(): Promise<string> {
  const id = await createConnection();
  await refresh(id);
  return id;
}

const get = (url: string, version?: string) => api.send({ url, ...(version === undefined ? {} : { version }) });
const statusOf = async (id: string) => (await get(`/api/connections/${id}/schemas/status`)).json().data;

describe('the schema cache', () => {
  it('is asked for when a connection is made, and fresh after the refresh', async () => {
    const id = await createConnection();
    expect(await statusOf(id)).toEqual({
      cache_status: 'refreshing',
      last_refresh_started: null,
      last_refresh_finished: null,
    });
    expect(await refresh(id)).toBe(true);
    expect(await statusOf(id)).toEqual({
      cache_status: 'fresh',
      last_refresh_started: expect.any(String),
      last_refresh_finished: expect.any(String),
    });
    expect(await refresh(id)).toBe(false);
  });

  it('is refreshed on request, which leads to its status', async () => {
    const id = await createFilled();
    const answer = await api.send({ method: 'POST', url: `/api/connections/${id}/schemas/refresh` });
    expect([answer.statusCode, answer.body, answer.headers.location]).toEqual([
      202,
      '{}',
      `/api/connections/${id}/schemas/status`,
    ]);
    expect((await statusOf(id)).cache_status).toBe('refreshing');
    await refreshAgain(id);
    expect((await statusOf(id)).cache_status).toBe('fresh');
  });

  it('is refreshed by one process at a time, and again for a request that came meanwhile', async () => {
    const id = await createConnection();
    const { promise, resolve } = Promise.withResolvers<void>();
    const before = system.discoveries;
    system.gate = promise;
    const first = refresh(id);
    await vi.waitUntil(() => system.discoveries > before, { timeout: 60_000 });
    expect(await refresh(id)).toBe(false);
    await api.send({ method: 'POST', url: `/api/connections/${id}/schemas/refresh` });
    resolve();
    expect(await first).toBe(true);
    expect((await statusOf(id)).cache_status).toBe('refreshing');
    await refreshAgain(id);
    expect((await statusOf(id)).cache_status).toBe('fresh');
  });

  it('stays to be refreshed when the process stops in the middle', async () => {
    const id = await createConnection();
    const stop = new AbortController();
    const { promise, resolve } = Promise.withResolvers<void>();
    system.gate = promise;
    const before = system.discoveries;
    const broken = refreshSchemas(
      api.services,
      { connectionId: id, organizationId: api.keys.organizationId },
      stop.signal,
    );
    await vi.waitUntil(() => system.discoveries > before, { timeout: 60_000 });
    stop.abort();
    resolve();
    await expect(broken).rejects.toThrow();
    expect((await statusOf(id)).cache_status).toBe('refreshing');
    await refreshAgain(id);
  });

  it('keeps the last schemas when the system refuses, and shows why', async () => {
    const id = await createFilled();
    await api.send({ method: 'POST', url: `/api/connections/${id}/schemas/refresh` });
    system.failure = new SyncError('CONN_AUTH_REFUSED', 'The password was refused.');
    await refreshAgain(id);
    system.failure = undefined;
    expect((await statusOf(id)).cache_status).toBe('failed');
    expect((await get(`/api/connections/${id}/bulksync/source`)).json().data.schemas).toHaveLength(1);
    const connection = (await get(`/api/connections/${id}`)).json().data;
    expect([connection.status, connection.status_error]).toEqual(['unhealthy', 'The password was refused.']);
  });

  it('says that a first refresh failed, and is fresh after a good one', async () => {
    const id = await createConnection();
    system.failure = new SyncError('CONN_AUTH_REFUSED', 'The password was refused.');
    await refresh(id);
    system.failure = undefined;
    expect((await statusOf(id)).cache_status).toBe('failed');
    await api.send({ method: 'POST', url: `/api/connections/${id}/schemas/refresh` });
    await refreshAgain(id);
    expect((await statusOf(id)).cache_status).toBe('fresh');
  });

  it('does not take a file that somebody holds for a bad connection, but says so', async () => {
    const id = await createFilled();
    await api.send({ method: 'POST', url: `/api/connections/${id}/schemas/refresh` });
    system.failure = new SyncError('FILE_LOCKED', 'Process 7 holds the file.');
    await refreshAgain(id);
    system.failure = undefined;
    expect((await statusOf(id)).cache_status).toBe('failed');
    const connection = async () => (await get(`/api/connections/${id}`)).json().data;
    expect(await connection()).toMatchObject({ status: 'healthy', status_error: 'Process 7 holds the file.' });
    await api.send({ method: 'POST', url: `/api/connections/${id}/schemas/refresh` });
    await refreshAgain(id);
    expect(await connection()).not.toHaveProperty('status_error');
  });

  it('is refused a refresh while the system refuses, and given one when it no longer does', async () => {
    const id = await createFilled();
    await api.services.store.db
      .updateTable('connections')
      .set({ status: 'unhealthy', statusError: 'down' })
      .where('id', '=', id)
      .execute();
    system.password = 'changed';
    const refused = await api.send({ method: 'POST', url: `/api/connections/${id}/schemas/refresh` });
    system.password = 'right';
    expect([refused.statusCode, refused.json().key]).toEqual([400, 'CONNECTION_UNHEALTHY']);
    const taken = await api.send({ method: 'POST', url: `/api/connections/${id}/schemas/refresh` });
    expect(taken.statusCode).toBe(202);
    expect((await get(`/api/connections/${id}`)).json().data.status).toBe('healthy');
  });
});

describe('one schema', () => {
  it('comes with its fields', async () => {
    const id = await createFilled();
    expect((await get(`/api/connections/${id}/schemas/public.contact`)).json().data).toEqual({
      id: 'public.contact',
      name: 'contact',
      fields: [
        {
          id: 'id',
          name: 'id',
          path: '$.id',
          type: 'number',
          remote_type: 'bigint',
          is_primary_key: true,
          user_managed: false,
          association: null,
        },
        {
          id: 'account id',
          name: 'account id',
          path: '$["account id"]',
          type: 'number',
          remote_type: 'bigint',
          is_primary_key: false,
          user_managed: false,
          association: { id: 'fk', name: 'fk', reference_to: ['public.account'], referenced_field: 'id' },
          values: [{ label: 'One', value: '1' }],
        },
      ],
    });
  });

  it('answers 404 when it is unknown', async () => {
    const id = await createFilled();
    expect((await get(`/api/connections/${id}/schemas/public.nothing`)).statusCode).toBe(404);
    expect((await get(`/api/connections/${id}/schemas/public.nothing/records`)).statusCode).toBe(404);
    expect((await get(`/api/connections/${id}/schemas/%00`)).statusCode).toBe(404);
  });

  it('gives sample records', async () => {
    const id = await createFilled();
    const { data } = (await get(`/api/connections/${id}/schemas/public.contact/records`)).json();
    expect(data).toEqual([{ schemaId: 'public.contact', limit: 10 }]);
  });
});

describe('the bulk source', () => {
  it('lists schemas with fields unless told otherwise', async () => {
    const id = await createFilled();
    const { data } = (await get(`/api/connections/${id}/bulksync/source`)).json();
    expect(data).toMatchObject({ capabilities: { supports_tracking_fields: true }, configuration: {} });
    expect(data.schemas[0].fields).toHaveLength(2);
    const light = (await get(`/api/connections/${id}/bulksync/source?include_fields=false`)).json().data;
    expect(light.schemas).toEqual([{ id: 'public.contact', name: 'contact' }]);
  });

  it('answers 422 with the words that clients wait for while the first refresh runs', async () => {
    const answer = await get(`/api/connections/${await createConnection()}/bulksync/source`);
    expect(answer.statusCode).toBe(422);
    expect(answer.json().message.toLowerCase()).toContain('cache refresh in progress');
  });

  it('answers 400 with the words that clients wait for when no refresh succeeded', async () => {
    const id = await createConnection();
    system.failure = new SyncError('CONN_UNREACHABLE', 'nothing answers');
    await refresh(id);
    system.failure = undefined;
    const answer = await get(`/api/connections/${id}/bulksync/source`);
    expect(answer.statusCode).toBe(400);
    expect(answer.json().message).toContain('did not provide any schemas');
  });

  it('is at its older path in 2023-04-25, where a refresh can be waited for', async () => {
    const id = await createConnection();
    const url = `/api/bulk/source/${id}?refresh_schemas=true&include_fields=true`;
    const { data } = (await get(url, '2023-04-25')).json();
    expect(data.schemas[0].id).toBe('public.contact');
    const newer = await get(url);
    expect(newer.statusCode).toBe(404);
    expect(newer.json()).toMatchObject({ key: 'ROUTE_NOT_FOUND', metadata: { versions: ['2023-04-25'] } });
  });

  it('answers 400 when the refresh that was waited for fails', async () => {
    const id = await createConnection();
    system.failure = new SyncError('CONN_UNREACHABLE', 'nothing answers');
    const answer = await get(`/api/bulk/source/${id}?refresh_schemas=true`, '2023-04-25');
    system.failure = undefined;
    expect([answer.statusCode, answer.json().key]).toEqual([400, 'CONNECTION_UNHEALTHY']);
  });
});

describe('what a connection can be written with', () => {
  it('describes the bulk destination in the shape of the public example', async () => {
    const id = await createConnection();
    expect((await get(`/api/connections/${id}/bulksync/target`, '2024-02-08')).json().data).toEqual({
      configuration: {
        schema: { default: 'public', items: null, required: false },
        advanced: { items: { truncate_existing: { default: '', items: null, required: false } } },
      },
      modes: [
        expect.objectContaining({ id: 'replicate', requires_identity: false }),
        {
          id: 'snapshot',
          label: 'Replace',
          description: 'Replace all records',
          requires_identity: false,
          supports_field_sync_mode: false,
          supports_target_filters: false,
        },
      ],
      supported_resync_modes: ['refetch'],
    });
  });

  it('lists model targets, with creation values only when asked for', async () => {
    const id = await createConnection();
    const url = `/api/connections/${id}/modelsync/targetobjects`;
    expect((await get(url)).json()).toEqual({
      data: [
        {
          id: 'public.people',
          name: 'people',
          modes: [
            { id: 'create', requires_identity: true, supports_per_field_mode: true, supports_target_filters: false },
          ],
        },
      ],
      target_creation: {
        supported: true,
        properties: [
          { id: 'schema', title: 'Schema', enum: true },
          { id: 'name', title: 'Table name', enum: false },
        ],
      },
    });
    const { target_creation } = (await get(`${url}?include_target_creation_values=true`)).json();
    expect(target_creation.properties[0].values).toEqual([{ label: 'public', value: 'public' }]);
  });

  it('gives one creation property with its values', async () => {
    const id = await createConnection();
    const url = `/api/connections/${id}/modelsync/targetobjects/properties`;
    expect((await get(`${url}/schema`)).json().data.values).toEqual([{ label: 'public', value: 'public' }]);
    expect((await get(`${url}/colour`)).statusCode).toBe(404);
  });

  it('answers 404 where the connector cannot', async () => {
    const { definition } = createMemorySystem([]);
    const bare = { ...definition, capabilities: {} };
    await using other = await startTestApi({ connectors: [bare] });
    const body = { name: 'Bare', type: 'memory', configuration: { hostname: 'h', password: 'right' } };
    const { id } = (await other.send({ method: 'POST', url: '/api/connections', body })).json().data;
    for (const path of ['bulksync/source', 'bulksync/target', 'modelsync/targetobjects', 'schemas/status']) {
      const answer = await other.send({ url: `/api/connections/${id}/${path}` });
      expect([answer.statusCode, answer.json().key]).toEqual([404, 'FEATURE_NOT_SUPPORTED']);
    }
  });
});
