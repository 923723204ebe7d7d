import { mkdir, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import type { DatabaseAddress } from '../../src/connector-kit/index.ts';
import { createAddressCheck } from '../../src/connector-kit/net/index.ts';
import { CONNECTORS } from '../../src/connectors/index.ts';
import { refreshSchemas } from '../../src/operations/index.ts';
import { startTestApi, type TestApi } from '../setup/api.ts';
import { createTestDatabase, type TestDatabase } from '../setup/databases.ts';

let api: TestApi;
let source: TestDatabase;
let metadata: TestDatabase;
let filesRoot: string;

function addressOf(url: string): DatabaseAddress {
  const { hostname: host, port, pathname } = new URL(url);
  return { host, port: Number(port), database: pathname.slice(1) };
}

function configurationOf(url: string, changes: object = {}): object {
  const { hostname, port, username, password, pathname } = new URL(url);
  const database = pathname.slice(1);
  return {
    hostname,
    port: Number(port),
    username,
    password: decodeURIComponent(password),
    database,
    ssl: false,
    ...changes,
  };
}

beforeAll(async () => {
  source = await createTestDatabase();
  metadata = await createTestDatabase();
  filesRoot = await mkdtemp(join(tmpdir(), 'millrace-files-'));
  api = await startTestApi({
    connectors: [...CONNECTORS.values()],
    context: {
      filesRoot,
      resolveHost: createAddressCheck({ denyPrivate: false }),
      forbiddenDatabase: addressOf(metadata.url),
    },
  });
  const client = new pg.Client(source.url);
  await client.connect();
  await client.query(`
    CREATE TYPE mood AS ENUM ('sad', 'happy');
    CREATE TABLE account (id bigint PRIMARY KEY, name text);
    CREATE TABLE contact (id bigint PRIMARY KEY, account_id bigint REFERENCES account, mood mood, price numeric(15,2));
    INSERT INTO account VALUES (1, 'a');
    INSERT INTO contact VALUES (1, 1, 'sad', 12.50);`);
  await client.end();
});
afterAll(async () => {
  await api[Symbol.asyncDispose]();
  await source[Symbol.asyncDispose]();
  await metadata[Symbol.asyncDispose]();
  await rm(filesRoot, { recursive: true });
});

const create = (name: string, type: string, configuration: object) =>
  api.send({ method: 'POST', url: '/api/connections', body: { name, type, configuration } });

async function countConnections(): Promise<number> {
  return (await api.send({ url: '/api/connections' })).json().data.length;
}

describe('a PostgreSQL connection', () => {
  it.each([
    ['a wrong password', () => configurationOf(source.url, { password: 'wrong' }), 'CONN_AUTH_REFUSED'],
    ['an unknown user', () => configurationOf(source.url, { username: 'nobody' }), 'CONN_AUTH_REFUSED'],
    ['an unknown database', () => configurationOf(source.url, { database: 'nothing' }), 'CONN_DATABASE_MISSING'],
    ['an unknown host', () => configurationOf(source.url, { hostname: 'db.invalid' }), 'CONN_UNREACHABLE'],
    ['a port where nothing listens', () => configurationOf(source.url, { port: 1 }), 'CONN_UNREACHABLE'],
    ['TLS that the server does not have', () => configurationOf(source.url, { ssl: true }), 'CONN_TLS_FAILED'],
    ['the metadata database', () => configurationOf(metadata.url), 'CONN_ADDRESS_REFUSED'],
    [
      'the metadata database by another name',
      () => configurationOf(metadata.url, { hostname: 'localhost' }),
      'CONN_ADDRESS_REFUSED',
    ],
    [
      'a metadata service of a cloud',
      () => configurationOf(source.url, { hostname: '169.254.169.254' }),
      'CONN_ADDRESS_REFUSED',
    ],
  ])('is refused for %s, and nothing is stored', async (_name, configuration, key) => {
    const before = await countConnections();
    const answer = await create('refused', 'postgresql', configuration());
    expect(answer.json()).toMatchObject({ status: 422, key });
    expect(answer.body).not.toContain(new URL(inject('postgresSuperuserUrl')).password);
    expect(await countConnections()).toBe(before);
  });

  it('shows tables, keys, foreign keys, enum values, records and targets', async () => {
    const { id } = (await create('source', 'postgresql', configurationOf(source.url))).json().data;
    await refreshSchemas(
      api.services,
      { connectionId: id, organizationId: api.keys.organizationId },
      new AbortController().signal,
    );
    const { data } = (await api.send({ url: `/api/connections/${id}/schemas/public.contact` })).json();
    expect(data.fields).toEqual([
      expect.objectContaining({ id: 'id', path: '$.id', is_primary_key: true, association: null }),
      expect.objectContaining({
        id: 'account_id',
        association: expect.objectContaining({ reference_to: ['public.account'], referenced_field: 'id' }),
      }),
      expect.objectContaining({
        id: 'mood',
        values: [
          { label: 'sad', value: 'sad' },
          { label: 'happy', value: 'happy' },
        ],
      }),
      expect.objectContaining({ id: 'price', type: 'number', remote_type: 'numeric(15,2)', user_managed: false }),
    ]);
    const records = (await api.send({ url: `/api/connections/${id}/schemas/public.contact/records` })).json().data;
    expect(records).toEqual([expect.objectContaining({ mood: 'sad', price: '12.50' })]);
    const targets = (
      await api.send({
        url: `/api/connections/${id}/modelsync/targetobjects?include_target_creation_values=true`,
        version: '2024-02-08',
      })
    ).json();
    expect(targets.data.map((target: { id: string }) => target.id)).toEqual(['public.account', 'public.contact']);
    expect(targets.target_creation.properties).toContainEqual(
      expect.objectContaining({
        id: 'schema',
        enum: true,
        values: expect.arrayContaining([{ label: 'public', value: 'public' }]),
      }),
    );
  });
});

describe('a DuckDB connection', () => {
  it.each(['../outside.duckdb', '/etc/outside.duckdb', 'inside/../../outside.duckdb'])(
    'is refused for the path %s, and nothing is stored',
    async (path) => {
      const before = await countConnections();
      expect((await create('file', 'duckdb', { path })).json()).toMatchObject({
        status: 422,
        key: 'CONN_PATH_REFUSED',
      });
      expect(await countConnections()).toBe(before);
    },
  );

  it('is refused for a link that leads outside', async () => {
    const elsewhere = await mkdtemp(join(tmpdir(), 'millrace-elsewhere-'));
    await mkdir(filesRoot, { recursive: true });
    await symlink(elsewhere, join(filesRoot, 'link'));
    const answer = await create('linked', 'duckdb', { path: 'link/x.duckdb' });
    expect(answer.json()).toMatchObject({ status: 422, key: 'CONN_PATH_REFUSED' });
    await rm(elsewhere, { recursive: true });
  });

  it('is a source and a destination', async () => {
    const { data } = (await create('file', 'duckdb', { path: 'inside.duckdb' })).json();
    expect(data).toMatchObject({
      status: 'healthy',
      type: { id: 'duckdb', operations: ['bulksyncsource', 'bulksyncdestination'] },
    });
    expect((await api.send({ url: `/api/connections/${data.id}/bulksync/target` })).statusCode).toBe(200);
  });
});

it('to a folder of Parquet files is a destination and no source', async () => {
  const { data } = (await create('folder', 'parquet', { path: 'lake' })).json();
  expect(data.type).toMatchObject({ operations: ['bulksyncdestination'] });
  expect((await api.send({ url: `/api/connections/${data.id}/bulksync/source` })).statusCode).toBe(404);
});

it('to plain files is refused where there are none', async () => {
  const answer = await create('nothing', 'files', { path: 'none', format: 'csv' });
  expect(answer.json()).toMatchObject({ status: 422, key: 'CONN_DATABASE_MISSING' });
});
