import { mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { useTestApi } from '../../../tests/setup/api.ts';
import { CONNECTORS } from '../../connectors/index.ts';
import { refreshSchemas, runJob, takeNextJob } from '../../operations/index.ts';

const api = useTestApi({ connectors: [...CONNECTORS.values()] });
const NEVER = new AbortController().signal;
const files = { duckdb: 'shop/broken.duckdb', csv: 'shop/broken.parquet' } as const;
let root = '';

beforeAll(async () => {
  root = api.services.connectorContext(api.keys.organizationId).filesRoot;
  for (const path of Object.values(files)) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), 'this is no database');
  }
});

let made = 0;

async function connect(type: string, configuration: object): Promise<string> {
  made += 1;
  const body = { name: `connection ${made}`, type, configuration, validate: false };
  return (await api.send({ method: 'POST', url: '/api/connections', body })).json().data.id;
}

/** Asks for a query and has it done; what its author then reads. */
async function query(connectionId: string): Promise<string> {
  const url = `/api/connections/${connectionId}/query`;
  const { id } = (await api.send({ method: 'POST', url, body: { query: 'SELECT 1' } })).json().data;
  const job = await takeNextJob(api.services);
  if (job !== undefined) await runJob(api.services, job, NEVER);
  return (await api.send({ url: `/api/queries/${id}` })).body;
}

async function refresh(connectionId: string): Promise<string> {
  await refreshSchemas(api.services, { organizationId: api.keys.organizationId, connectionId }, NEVER);
  const connection = await api.send({ url: `/api/connections/${connectionId}` });
  const status = await api.send({ url: `/api/connections/${connectionId}/schemas/status` });
  return connection.body + status.body;
}

const duckdb = { path: files.duckdb };
const parquet = { path: files.csv, format: 'parquet' };
const test = async (type: string, configuration: object) =>
  (await api.send({ method: 'POST', url: '/api/connections/test', body: { type, configuration } })).body;

it.each<[string, string, () => Promise<string>]>([
  ['a test of a connection', files.duckdb, () => test('duckdb', duckdb)],
  ['the reading of schemas', files.duckdb, async () => refresh(await connect('duckdb', duckdb))],
  ['the reading of schemas of files', files.csv, async () => refresh(await connect('files', parquet))],
  ['a query', files.duckdb, async () => query(await connect('duckdb', duckdb))],
  [
    'a list of what can be written',
    files.duckdb,
    async () =>
      (await api.send({ url: `/api/connections/${await connect('duckdb', duckdb)}/modelsync/targetobjects` })).body,
  ],
  [
    'a query of a file that is gone',
    'gone.duckdb',
    async () => {
      await rm(join(root, 'gone.duckdb'), { force: true });
      return query(await connect('duckdb', { path: 'gone.duckdb' }));
    },
  ],
])('%s that fails names the file, and not where it lies on the server', async (_, path, ask) => {
  const told = await ask();
  expect(told).toContain(` ${path} failed`);
  expect(told).not.toContain(root);
});
