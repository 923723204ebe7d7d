import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readContract } from '../../../tests/compatibility/contract.ts';
import { startTestApi, type TestApi } from '../../../tests/setup/api.ts';
import { createTestDatabase, queryDatabase, type TestDatabase } from '../../../tests/setup/databases.ts';
import { postgresConfiguration } from '../../../tests/setup/syncs.ts';
import { CONNECTORS } from '../../connectors/index.ts';

const contract = readContract('2025-09-18');
let api: TestApi;
let database: TestDatabase;

beforeAll(async () => {
  api = await startTestApi({ connectors: [...CONNECTORS.values()] });
  database = await createTestDatabase();
  await queryDatabase(database.url, 'CREATE SCHEMA sales');
  const { filesRoot } = api.services.connectorContext(api.keys.organizationId);
  for (const path of ['shop.duckdb', 'in/orders.csv', 'in/deep/events.jsonl', 'out/part.parquet', '.hidden/x.csv']) {
    await mkdir(dirname(join(filesRoot, path)), { recursive: true });
    await writeFile(join(filesRoot, path), '');
  }
  await symlink('/etc', join(filesRoot, 'elsewhere'));
});

afterAll(async () => {
  await api[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
});

const ask = (type: string, body: unknown, version = '2025-09-18') =>
  api.send({ method: 'POST', url: `/api/connection_types/${type}/parameter_values`, body, version });

const valuesOf = async (type: string, body: { readonly field: string; readonly [key: string]: unknown }) => {
  const answer = await ask(type, body);
  expect([
    answer.statusCode,
    contract.check('POST /api/connection_types/{type}/parameter_values', 200, answer.json()),
  ]).toEqual([200, []]);
  const { values, allows_creation: allowsCreation } = answer.json().data[body.field];
  return { values: values.map(({ value }: { value: string }) => value), allowsCreation };
};

const configuration = () => postgresConfiguration(database.url);

async function connect(type: string, given: object): Promise<string> {
  const body = { name: `${type} ${Math.random()}`, type, configuration: given, validate: false };
  return (await api.send({ method: 'POST', url: '/api/connections', body })).json().data.id;
}

describe('values of a connection that is being filled in', () => {
  it('lists the databases of a server before one is chosen', async () => {
    const { database: _, ...parameters } = configuration();
    const { values, allowsCreation } = await valuesOf('postgresql', { field: 'database', parameters });
    expect(values).toEqual(expect.arrayContaining([database.name, 'postgres']));
    expect(values).not.toContain('template0');
    expect(allowsCreation).toBe(false);
  });

  it('lists only what contains the query', async () => {
    const query = database.name.toUpperCase();
    const asked = { field: 'database', parameters: configuration(), query };
    expect((await valuesOf('postgresql', asked)).values).toEqual([database.name]);
  });

  it('takes secrets from the connection that it names', async () => {
    const id = await connect('postgresql', configuration());
    const parameters = { password: '********', database: database.name };
    const { values } = await valuesOf('postgresql', { field: 'schema', parameters, connection_id: id });
    expect(values).toEqual(['public', 'sales']);
  });

  it.each([
    ['duckdb', {}, ['shop.duckdb'], true],
    ['parquet', null, ['in', 'in/deep', 'out'], true],
    ['files', { format: 'csv' }, ['in', 'in/deep', 'in/orders.csv', 'out'], false],
    ['files', {}, ['in', 'in/deep', 'in/deep/events.jsonl', 'in/orders.csv', 'out', 'out/part.parquet'], false],
  ])('lists the paths of %s connections with %j, and no links', async (type, parameters, values, allowsCreation) => {
    expect(await valuesOf(type, { field: 'path', parameters })).toEqual({ values, allowsCreation });
  });

  it.each([
    ['an unknown type', 'nothing', { field: 'path', parameters: {} }, 404, 'nothing'],
    ['a field without a list', 'duckdb', { field: 'format', parameters: {} }, 422, 'path'],
    ['what every object has', 'postgresql', { field: 'constructor', parameters: {} }, 422, 'schema'],
    [
      'an unknown connection',
      'duckdb',
      { field: 'path', parameters: {}, connection_id: crypto.randomUUID() },
      422,
      'connection_id',
    ],
    ['a missing body field', 'duckdb', { field: 'path' }, 400, 'parameters'],
    ['an extra body field', 'duckdb', { field: 'path', parameters: {}, more: 1 }, 400, 'more'],
    ['what is not filled in enough', 'postgresql', { field: 'database', parameters: {} }, 400, 'parameters.hostname'],
    [
      'a mask that stands for nothing',
      'postgresql',
      { field: 'database', parameters: { password: '********' } },
      422,
      'password',
    ],
  ])('refuses %s', async (_name, type, body, status, told) => {
    const answer = await ask(type, body);
    expect([answer.statusCode, answer.json().message]).toEqual([status, expect.stringContaining(told)]);
  });

  it('tells what the server said', async () => {
    const answer = await ask('postgresql', {
      field: 'database',
      parameters: { ...configuration(), username: 'nobody' },
    });
    expect([answer.statusCode, answer.json().key]).toEqual([422, 'CONN_AUTH_REFUSED']);
  });
});

describe('values of a connection', () => {
  it('lists those of every field that has a list', async () => {
    const id = await connect('postgresql', configuration());
    const answer = await api.send({ url: `/api/connections/${id}/parameter_values`, version: '2024-02-08' });
    expect([
      answer.statusCode,
      contract.check('GET /api/connections/{id}/parameter_values', 200, answer.json()),
    ]).toEqual([200, []]);
    expect(Object.keys(answer.json().data)).toEqual(['database', 'schema']);
    expect(answer.json().data.schema).toEqual({
      allows_creation: true,
      values: [
        { label: 'public', value: 'public' },
        { label: 'sales', value: 'sales' },
      ],
    });
  });

  it('does not know other connections, and is not in the oldest version', async () => {
    const url = `/api/connections/${crypto.randomUUID()}/parameter_values`;
    expect((await api.send({ url })).statusCode).toBe(404);
    expect((await api.send({ url, version: '2023-04-25' })).json().key).toBe('ROUTE_NOT_FOUND');
  });
});

describe('Connect', () => {
  it.each([
    ['2025-09-18', '/api/connections/connect/'],
    ['2024-02-08', '/api/connections/connect'],
    ['2023-04-25', '/api/connections/connect'],
  ])('says in version %s why it cannot be used', async (version, url) => {
    const body = { name: 'Mine', redirect_url: 'https://example.com' };
    const answer = await api.send({ method: 'POST', url, version, body });
    expect([answer.statusCode, answer.json().key]).toEqual([422, 'CONNECT_NOT_AVAILABLE']);
    expect((await api.send({ method: 'POST', url, version, body: { name: 'Mine' } })).statusCode).toBe(400);
  });
});

describe('the proxy', () => {
  const request = { method: 'GET', path: '/things' };

  it('says which system does not speak HTTP', async () => {
    const id = await connect('postgresql', configuration());
    const sent = await api.send({ method: 'POST', url: `/api/connections/${id}/proxy`, body: { request } });
    const info = await api.send({ url: `/api/connections/${id}/proxy/info` });
    for (const answer of [sent, info])
      expect([answer.statusCode, answer.json()]).toEqual([
        422,
        expect.objectContaining({ key: 'PROXY_NOT_AVAILABLE', message: expect.stringContaining('PostgreSQL') }),
      ]);
  });

  it.each([
    ['a host in the path', { request: { ...request, path: '//other.example/' } }],
    ['a URL as path', { request: { ...request, path: 'https://other.example/' } }],
    ['another method', { request: { ...request, method: 'TRACE' } }],
    ['no path', { request: { method: 'GET' } }],
    ['an unknown field', { request, more: 1 }],
  ])('refuses %s', async (_name, body) => {
    const id = await connect('postgresql', configuration());
    expect((await api.send({ method: 'POST', url: `/api/connections/${id}/proxy`, body })).statusCode).toBe(400);
  });

  it('does not know other connections, and is not in older versions', async () => {
    const url = `/api/connections/${crypto.randomUUID()}/proxy`;
    expect((await api.send({ method: 'POST', url, body: { request } })).statusCode).toBe(404);
    expect((await api.send({ url: `${url}/info` })).statusCode).toBe(404);
    expect((await api.send({ url: `${url}/info`, version: '2024-02-08' })).json().key).toBe('ROUTE_NOT_FOUND');
  });
});
