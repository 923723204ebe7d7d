import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { startTestApi, type TestApi } from '../../../tests/setup/api.ts';
import { createMemorySystem } from '../../../tests/setup/memory-connector.ts';

const system = createMemorySystem([]);
let api: TestApi;

beforeAll(async () => {
  api = await startTestApi({ connectors: [system.definition] });
});
afterAll(() => api[Symbol.asyncDispose]());

const configuration = { hostname: 'db.example', password: 'right' };
let count = 0;
const freshName = (): string => `Connection ${++count}`;

async function create(body: object = {}): Promise<{ id: string; [key: string]: unknown }> {
  const answer = await api.send({
    method: 'POST',
    url: '/api/connections',
    body: { name: freshName(), type: 'memory', configuration, ...body },
  });
  expect(answer.body).toContain('"data"');
  return answer.json().data;
}

const countRows = async (): Promise<number> => {
  const { db } = api.services.store;
  return (await db.selectFrom('connections').select('id').execute()).length;
};

describe('connection types', () => {
  it('lists each connector with its capabilities and form', async () => {
    const { data } = (await api.send({ url: '/api/connection_types' })).json();
    expect(data).toEqual([
      {
        id: 'memory',
        name: 'Memory',
        use_oauth: false,
        capabilities: { source: true, destination: true, enrichment: false, orchestration: false },
        configurationForm: { jsonschema: expect.objectContaining({ type: 'object' }), uischema: {} },
      },
    ]);
  });

  it('answers a bare JSON Schema that marks secrets', async () => {
    const schema = (await api.send({ url: '/api/connection_types/memory' })).json();
    expect(schema).toMatchObject({
      title: 'Memory',
      type: 'object',
      required: ['hostname', 'password'],
      additionalProperties: false,
      properties: { port: { default: 5432 }, password: { type: 'string', writeOnly: true, format: 'password' } },
    });
  });

  it('answers 404 to an unknown type', async () => {
    expect((await api.send({ url: '/api/connection_types/nothing' })).statusCode).toBe(404);
  });
});

describe('creating a connection', () => {
  it('answers it with masked secrets, defaults, the built-in policy and its maker', async () => {
    const connection = await create({ healthcheck_interval: '5m' });
    const policy = await api.services.store.db
      .selectFrom('policies')
      .select('id')
      .where('systemKind', '=', 'connection')
      .execute();
    expect(connection).toMatchObject({
      type: { id: 'memory', name: 'Memory', operations: ['bulksyncsource', 'bulksyncdestination'] },
      configuration: { hostname: 'db.example', port: 5432, password: '********' },
      organization_id: api.keys.organizationId,
      policies: [policy[0]?.id],
      healthcheck_interval: '5m',
      saved: true,
      status: 'healthy',
      created_by: { name: 'Administrator', type: 'user' },
    });
    expect((await api.send({ url: `/api/connections/${connection.id}` })).json().data).toEqual(connection);
  });

  it('keeps secrets sealed at rest', async () => {
    const { id } = await create({ configuration: { ...configuration, password: 'right' } });
    const row = await api.services.store.db
      .selectFrom('connections')
      .selectAll()
      .where('id', '=', id)
      .executeTakeFirstOrThrow();
    expect(row.configuration).toEqual({ hostname: 'db.example', port: 5432 });
    expect(row.secrets?.includes('right')).toBe(false);
  });

  it.each([
    ['name', { name: undefined }, 'name'],
    ['type', { type: undefined }, 'type'],
    ['configuration', { configuration: undefined }, 'configuration'],
    ['a name that is empty', { name: ' ' }, 'name'],
    ['an unknown field', { colour: 'red' }, 'colour'],
    ['an unknown setting', { configuration: { ...configuration, hostnam: 'x' } }, 'configuration.hostnam'],
    ['a missing setting', { configuration: { password: 'right' } }, 'configuration.hostname'],
    ['a setting of another type', { configuration: { ...configuration, port: '5432' } }, 'configuration.port'],
    ['an interval that is none', { healthcheck_interval: 'often' }, 'healthcheck_interval'],
    ['a NUL in the name', { name: 'a\0b' }, 'name'],
    [
      'half a character in a setting',
      { configuration: { ...configuration, hostname: '\ud800' } },
      'configuration.hostname',
    ],
    ['a policy that is no id', { policies: ['mine'] }, 'policies[0]'],
  ])('answers 400 to %s missing or wrong, naming it, and stores nothing', async (_name, change, field) => {
    const before = await countRows();
    const body = { name: freshName(), type: 'memory', configuration, ...change };
    const answer = await api.send({ method: 'POST', url: '/api/connections', body });
    expect(answer.statusCode).toBe(400);
    expect(answer.json()).toMatchObject({ status: 400, key: 'REQUEST_MALFORMED', metadata: { fields: [{ field }] } });
    expect(answer.json().message).toContain(`\`${field}\``);
    expect(await countRows()).toBe(before);
  });

  it.each([
    ['wrong credentials', { configuration: { ...configuration, password: 'wrong' } }, 'CONN_AUTH_REFUSED'],
    ['an unknown host', { configuration: { ...configuration, hostname: 'nowhere' } }, 'CONN_UNREACHABLE'],
    ['an unknown type', { type: 'oracle' }, 'REQUEST_REFUSED'],
    ['an unknown policy', { policies: ['248df4b7-aa70-47b8-a036-33ac447e668d'] }, 'REQUEST_REFUSED'],
    ['another organization', { organization_id: '248df4b7-aa70-47b8-a036-33ac447e668d' }, 'REQUEST_REFUSED'],
    [
      'a mask for a secret that is not stored',
      { configuration: { ...configuration, password: '********' } },
      'REQUEST_REFUSED',
    ],
  ])('answers 422 to %s and stores nothing', async (_name, change, key) => {
    const before = await countRows();
    const body = { name: freshName(), type: 'memory', configuration, ...change };
    const answer = await api.send({ method: 'POST', url: '/api/connections', body });
    expect(answer.json()).toMatchObject({ status: 422, key });
    expect(answer.statusCode).toBe(422);
    expect(await countRows()).toBe(before);
  });

  it('refuses a name that is taken', async () => {
    const { name } = await create();
    const answer = await api.send({
      method: 'POST',
      url: '/api/connections',
      body: { name, type: 'memory', configuration },
    });
    expect([answer.statusCode, answer.json().metadata.field]).toEqual([422, 'name']);
  });

  it('stores without a proof when asked to', async () => {
    const connection = await create({ validate: false, configuration: { ...configuration, password: 'wrong' } });
    expect(connection.status).toBe('unchecked');
  });

  it.each([
    ['broken JSON', '{"name": ', 400],
    ['JSON that would change prototypes', '{"__proto__": {"x": 1}}', 400],
    ['no body at all', '', 400],
    ['a list', '[]', 400],
    ['a body over 1 MiB', JSON.stringify({ name: 'x'.repeat(1024 * 1024) }), 413],
  ])('answers %s as ApiError', async (_name, body, status) => {
    const answer = await api.send({ method: 'POST', url: '/api/connections', body });
    expect(answer.statusCode).toBe(status);
    expect(answer.json()).toEqual({
      status,
      key: expect.any(String),
      message: expect.any(String),
      metadata: expect.any(Object),
    });
  });

  it('refuses a body that is not JSON', async () => {
    const answer = await api.app.inject({
      method: 'POST',
      url: '/api/connections',
      headers: { authorization: `Bearer ${api.keys.userKey}`, 'content-type': 'application/x-www-form-urlencoded' },
      payload: 'name=x',
    });
    expect([answer.statusCode, answer.json().key]).toEqual([400, 'REQUEST_MALFORMED']);
  });
});

describe('reading connections', () => {
  it('lists them by name', async () => {
    await create({ name: 'zz last' });
    await create({ name: '00 first' });
    const { data } = (await api.send({ url: '/api/connections' })).json();
    const names = data.map((connection: { name: string }) => connection.name);
    expect([names[0], names.at(-1)]).toEqual(['00 first', 'zz last']);
  });

  it.each(['248df4b7-aa70-47b8-a036-33ac447e668d', 'no-id-at-all', '%00'])(
    'answers 404 to the unknown id %s',
    async (id) => {
      const answer = await api.send({ url: `/api/connections/${id}` });
      expect([answer.statusCode, answer.json().key]).toEqual([404, 'NOT_FOUND']);
    },
  );

  it("hides another organization's connections", async () => {
    const { db } = api.services.store;
    const organizationId = api.services.newId();
    await db.insertInto('organizations').values({ id: organizationId, name: 'Other' }).execute();
    const authorization = `Basic ${Buffer.from(`${organizationId}:${api.keys.deploymentKey}`).toString('base64')}`;
    const { id } = await create();
    expect((await api.send({ url: `/api/connections/${id}`, authorization })).statusCode).toBe(404);
    expect((await api.send({ url: `/api/connections/${id}`, authorization, method: 'DELETE' })).statusCode).toBe(404);
    expect((await api.send({ url: '/api/connections', authorization })).json().data).toEqual([]);
    await db.deleteFrom('organizations').where('id', '=', organizationId).execute();
  });
});

describe('updating a connection', () => {
  it('replaces the whole configuration and keeps the secret behind the mask', async () => {
    const { id, name } = await create({ configuration: { ...configuration, port: 6543 }, healthcheck_interval: '5m' });
    const body = { name, configuration: { hostname: 'other.example', password: '********' } };
    const put = await api.send({ method: 'PUT', url: `/api/connections/${id}`, body });
    expect(put.body).toContain('"data"');
    const { data } = put.json();
    expect(data.configuration).toEqual({ hostname: 'other.example', port: 5432, password: '********' });
    expect(data).not.toHaveProperty('healthcheck_interval');
    const trial = { type: 'memory', configuration: {}, connection_id: id };
    expect((await api.send({ method: 'POST', url: '/api/connections/test', body: trial })).statusCode).toBe(200);
  });

  it('requires a secret that is left out', async () => {
    const { id, name } = await create();
    const body = { name, configuration: { hostname: 'other.example' } };
    const answer = await api.send({ method: 'PUT', url: `/api/connections/${id}`, body });
    expect(answer.json().metadata.fields[0].field).toBe('configuration.password');
  });

  it('changes nothing when the system refuses', async () => {
    const connection = await create();
    const body = { name: 'changed', configuration: { ...configuration, password: 'wrong' } };
    const answer = await api.send({ method: 'PUT', url: `/api/connections/${connection.id}`, body });
    expect(answer.statusCode).toBe(422);
    expect((await api.send({ url: `/api/connections/${connection.id}` })).json().data).toEqual(connection);
  });

  it('refuses another type and a taken name', async () => {
    const { name: taken } = await create();
    const { id, name } = await create();
    const put = (body: object) => api.send({ method: 'PUT', url: `/api/connections/${id}`, body });
    expect((await put({ name, configuration, type: 'postgresql' })).json().metadata.field).toBe('type');
    expect((await put({ name: taken, configuration })).json().metadata.field).toBe('name');
  });
});

describe('testing a configuration', () => {
  const test = (body: object) => api.send({ method: 'POST', url: '/api/connections/test', body });

  it('lays it over the stored one and stores nothing', async () => {
    const connection = await create();
    const body = { type: 'memory', connection_id: connection.id, configuration: { port: 1 } };
    const answer = await test(body);
    expect([answer.statusCode, answer.body]).toEqual([200, '']);
    expect((await api.send({ url: `/api/connections/${connection.id}` })).json().data).toEqual(connection);
  });

  it.each([
    ['a wrong password', { type: 'memory', configuration: { ...configuration, password: 'no' } }, 422],
    [
      'an unknown connection',
      { type: 'memory', configuration: {}, connection_id: '248df4b7-aa70-47b8-a036-33ac447e668d' },
      422,
    ],
    ['a missing type', { configuration }, 400],
    ['an unknown field', { type: 'memory', configuration, validate: true }, 400],
  ])('answers %s with %#', async (_name, body, status) => {
    expect((await test(body)).statusCode).toBe(status);
  });
});

describe('deleting a connection', () => {
  const remove = (id: string, query = '') => api.send({ method: 'DELETE', url: `/api/connections/${id}${query}` });

  async function createUser(connectionId: string, db = api.services.store.db): Promise<string> {
    const id = api.services.newId();
    await db
      .insertInto('bulkSyncs')
      .values({
        id,
        organizationId: api.keys.organizationId,
        name: 'Nightly',
        mode: 'replicate',
        sourceConnectionId: connectionId,
        destinationConnectionId: connectionId,
        destinationConfiguration: '{}',
        automaticallyAddNewFields: 'all',
        automaticallyAddNewObjects: 'none',
        normalizeNames: 'enabled',
        createdByType: 'user',
        updatedByType: 'user',
      })
      .execute();
    return id;
  }

  it('answers 200 without a body, then 404', async () => {
    const { id } = await create();
    const answer = await remove(id);
    expect([answer.statusCode, answer.body]).toEqual([200, '']);
    expect((await remove(id)).statusCode).toBe(404);
  });

  it('refuses while a sync uses it, naming the sync', async () => {
    const { id } = await create();
    const syncId = await createUser(id);
    const answer = await remove(id);
    expect(answer.statusCode).toBe(422);
    expect(answer.json().metadata).toEqual({ used_by: [{ type: 'bulk_sync', name: 'Nightly', id: syncId }] });
    expect((await remove(id, '?force=false')).statusCode).toBe(422);
  });

  it('refuses when a sync is made at the same time', async () => {
    const { id } = await create();
    let answer: ReturnType<typeof remove> | undefined;
    await api.services.store.transaction(async ({ db, client }) => {
      await createUser(id, db);
      answer = remove(id);
      // Not before the delete waits for our row: it has then found no sync that uses the connection.
      await vi.waitUntil(
        async () => {
          const { rows } = await client.query(
            'SELECT 1 FROM pg_locks WHERE NOT granted AND $1 = ANY (pg_blocking_pids(pid))',
            [(await client.query('SELECT pg_backend_pid() AS pid')).rows[0].pid],
          );
          return rows.length > 0;
        },
        { timeout: 10_000 },
      );
    });
    expect([(await answer)?.statusCode, (await answer)?.json().key]).toEqual([422, 'CONNECTION_IN_USE']);
  });

  it('takes the syncs along when forced', async () => {
    const { id } = await create();
    const syncId = await createUser(id);
    expect((await remove(id, '?force=true')).statusCode).toBe(200);
    const { db } = api.services.store;
    expect(await db.selectFrom('bulkSyncs').select('id').where('id', '=', syncId).execute()).toEqual([]);
  });

  it('answers 400 to a force that is no boolean', async () => {
    expect((await remove('248df4b7-aa70-47b8-a036-33ac447e668d', '?force=yes')).statusCode).toBe(400);
  });
});

describe('the limit of a connection', () => {
  const send = (method: 'GET' | 'PUT', id: string, body?: object) =>
    api.send({ method, url: `/api/x/connections/${id}/settings`, ...(body === undefined ? {} : { body }) });

  it('is none at first, is stored, and goes away when it is left out', async () => {
    const { id } = await create();
    expect((await send('GET', id)).json()).toEqual({ data: { max_lanes: null } });
    expect((await send('PUT', id, { max_lanes: 3 })).json()).toEqual({ data: { max_lanes: 3 } });
    expect((await send('GET', id)).json()).toEqual({ data: { max_lanes: 3 } });
    expect((await send('PUT', id, {})).json()).toEqual({ data: { max_lanes: null } });
    expect((await send('GET', id)).json()).toEqual({ data: { max_lanes: null } });
  });

  it.each([0, 1.5, 1_001])('is refused as %d', async (limit) => {
    const { id } = await create();
    const answer = await send('PUT', id, { max_lanes: limit });
    expect([answer.statusCode, answer.body]).toEqual([422, expect.stringContaining('max_lanes')]);
  });

  it('is not found for a connection that is not there', async () => {
    const nowhere = '00000000-0000-4000-8000-000000000000';
    expect((await send('GET', nowhere)).statusCode).toBe(404);
    expect((await send('PUT', nowhere, { max_lanes: 1 })).statusCode).toBe(404);
  });
});
