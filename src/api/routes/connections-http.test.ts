import { describe, expect, it } from 'vitest';
import { KEY, PASSWORD, TOKEN, useHttpApi } from '../../../tests/setup/http-api.ts';
import { checkConnection } from '../../operations/index.ts';

const fixture = useHttpApi();
const { api, seen, configuration, connect, connectedId, answered } = fixture;

describe('a connection of type api', () => {
  it('shows names and no values, and keeps them when the masks are sent back', async () => {
    const stored = (await connect()).json().data;
    expect(stored.configuration).toEqual({
      url: fixture.base,
      headers: [{ name: 'X-Token', value: '********' }],
      parameters: [{ name: 'lang', value: '********' }],
      auth: { basic: { username: 'ann', password: '********' }, query: [{ name: 'key', value: '********' }] },
    });
    const { name, configuration: masked } = stored;
    const put = await api.send({
      method: 'PUT',
      url: `/api/connections/${stored.id}`,
      body: { name, configuration: masked },
    });
    expect(put.statusCode).toBe(200);
    await answered(stored.id, { method: 'GET', path: '/echo' });
    expect(seen.at(-1)?.headers['x-token']).toBe(TOKEN);
  });

  it.each([
    ['a health check that is answered', 'status/204', 200, 'healthy'],
    ['no health check', '', 200, 'unchecked'],
  ])('is stored with %s', async (_name, path, status, health) => {
    const given = { ...configuration(), healthcheck: path === '' ? '' : `/${path}` };
    const made = await connect(given);
    expect([made.statusCode, made.json().data.status]).toEqual([status, health]);
  });

  it.each([
    ['', 'unchecked'],
    ['/health', 'healthy'],
    ['/status/500', 'unhealthy'],
  ])('is after a check of the path "%s" %s, whatever it was', async (healthcheck, status) => {
    const given = { ...configuration(), healthcheck };
    const { id } = (await connect(given, { validate: false, healthcheck_interval: '10s' })).json().data;
    const { db } = api.services.store;
    const change = { status: 'unhealthy' as const, statusError: 'it was' };
    const rows = await db.updateTable('connections').set(change).where('id', '=', id).returningAll().execute();
    for (const row of rows) await checkConnection(api.services, row);
    expect((await api.send({ url: `/api/connections/${id}` })).json().data.status).toBe(status);
  });

  it('carries its headers and its query to the health check', async () => {
    await connect({ ...configuration(), healthcheck: '/health' });
    expect(seen.at(-1)).toMatchObject({
      line: `GET /v1/health?lang=german&key=${new URLSearchParams({ k: KEY }).toString().slice(2)}`,
      headers: { 'x-token': TOKEN, authorization: `Basic ${Buffer.from(`ann:${PASSWORD}`).toString('base64')}` },
    });
  });

  it.each([
    [{ healthcheck: '/status/401' }, 'CONN_AUTH_REFUSED'],
    [{ healthcheck: '/status/404' }, 'CONN_CHECK_FAILED'],
    [{ healthcheck: '/away' }, 'CONN_CHECK_FAILED'],
    [{ url: 'http://169.254.169.254/latest' }, 'CONN_ADDRESS_REFUSED'],
  ])('is not stored where %j fails', async (given, key) => {
    const refused = await connect({ ...configuration(), ...given });
    expect([refused.statusCode, refused.json().key]).toEqual([422, key]);
    expect(refused.body).not.toContain(TOKEN);
  });

  it('is not stored with an address that is never opened, also unproved', async () => {
    const refused = await connect({ url: 'http://[fe80::1]/' }, { validate: false });
    expect(refused.json().key).toBe('CONN_ADDRESS_REFUSED');
  });

  it.each([
    [{ url: 'ftp://a.example' }, 'url'],
    [{ url: 'https://user:pass@a.example' }, 'url'],
    [{ url: 'https://a.example/?x=1' }, 'url'],
    [{ url: '' }, 'url'],
    [{ healthcheck: 'no/slash' }, 'healthcheck'],
    [{ healthcheck: '/a/../../b' }, 'healthcheck'],
    [{ headers: [{ name: 'Host', value: 'b.example' }] }, 'headers'],
    [{ headers: [{ name: 'X-A', value: 'a\r\nX-B: b' }] }, 'headers'],
    [{ headers: [{ name: 'authorization', value: 'Bearer x' }] }, 'auth.header'],
    [{ parameters: [{ name: 'key', value: 'x' }] }, 'auth.query'],
    [{ auth: { oauth: { client_id: 'x' } } }, 'auth'],
    [{ body: '{}' }, 'configuration'],
  ])('refuses %j, naming the field', async (given, field) => {
    const refused = await connect({ ...configuration(), ...given });
    expect([refused.statusCode, refused.json().message]).toEqual([400, expect.stringContaining(field)]);
  });

  it('is listed as what it can be, and refused as everything else', async () => {
    const types = (await api.send({ url: '/api/connection_types' })).json().data;
    const own = types.find(({ id }: { id: string }) => id === 'api');
    expect(own).toMatchObject({ name: 'HTTP API' });
    const id = await connectedId();
    const sync = { name: 'x', mode: 'snapshot', source_connection_id: id, destination_connection_id: id };
    const model = { name: 'm', configuration: { query: 'SELECT 1' }, connection_id: id };
    const refusals = await Promise.all(
      (
        [
          ['GET', `/api/connections/${id}/bulksync/source`],
          ['GET', `/api/connections/${id}/bulksync/target`],
          ['GET', `/api/connections/${id}/schemas/status`],
          ['POST', `/api/connections/${id}/schemas/refresh`],
          ['GET', `/api/connections/${id}/schemas/x`],
          ['GET', `/api/connections/${id}/schemas/x/records`],
          ['GET', `/api/connections/${id}/modelsync/source`],
          ['GET', `/api/connections/${id}/modelsync/source/fields`],
          ['GET', `/api/connections/${id}/modelsync/targetobjects`],
          ['POST', `/api/connections/${id}/query`, { query: 'SELECT 1' }],
          ['POST', '/api/bulk/syncs', sync],
          ['POST', '/api/models', model],
        ] as const
      ).map(async ([method, url, body]) => [url, (await api.send({ method, url, body })).statusCode]),
    );
    expect(refusals.filter(([, status]) => !(Number(status) >= 400 && Number(status) < 500))).toEqual([]);
  });
});
