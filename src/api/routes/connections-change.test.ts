import { describe, expect, it, vi } from 'vitest';
import { useMemoryConnections } from '../../../tests/setup/memory-connections.ts';
import { insertSync } from '../../../tests/setup/stored-execution.ts';

const { api, configuration, create } = useMemoryConnections();

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
    await insertSync(db, { id, organizationId: api.keys.organizationId, connectionId });
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
        { timeout: 60_000 },
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
