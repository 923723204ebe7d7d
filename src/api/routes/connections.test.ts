import { describe, expect, it } from 'vitest';
import { useMemoryConnections } from '../../../tests/setup/memory-connections.ts';

const { api, configuration, freshName, create } = useMemoryConnections();

const countRows = async (): Promise<number> => {
  const { db } = api.services.store;
  return (await db.selectFrom('connections').select('id').execute()).length;
};

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
