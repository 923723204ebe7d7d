import { afterAll, beforeAll, expect, it } from 'vitest';
import { queryDatabase } from '../setup/databases.ts';
import { queryFile } from '../setup/duckdb/duckdb-loads.ts';
import { LIMIT_MS, useDatabase, useServer } from '../setup/hooks.ts';
import { askServer } from '../setup/millrace.ts';
import { type PagesServer, servePages } from '../setup/pages/http-pages.ts';
import { listPeople, toPerson } from '../setup/pages/people.ts';
import { makeSync, postgresConfiguration, type Side, untilEnded } from '../setup/syncs.ts';

// A system that gives pages of JSON, through a whole server: what the author of a connector for it need not know.

const target = useDatabase();
const register = new URL('../setup/pages/register.ts', import.meta.url).href;
const server = useServer(() => ({ NODE_OPTIONS: `--import ${register}` }));
let api: PagesServer;

beforeAll(async () => {
  api = await servePages([], 500);
});
afterAll(() => api[Symbol.asyncDispose]());

async function makeCopy(name: string, destination: Side, tracking?: string): Promise<string> {
  const source: Side = ['pages', { url: api.url }];
  const schemas = [{ id: 'people', ...(tracking === undefined ? {} : { tracking_field: tracking }) }];
  const options = { destination_configuration: { schema: 'main' } };
  const given = { name, source, destination, schemas, options };
  return (await makeSync(server, given, AbortSignal.timeout(LIMIT_MS))).id;
}

async function run(syncId: string) {
  const signal = AbortSignal.timeout(LIMIT_MS);
  const { id } = await server.client.startBulkSync(syncId, {}, signal);
  const { execution, receipt } = await untilEnded(server, syncId, id, signal);
  const { status, status_message: message } = execution;
  return { id, status, message, verdict: receipt?.verdict, schema: receipt?.schemas[0] };
}

function get(path: string) {
  return askServer(server, 'GET', path, undefined, AbortSignal.timeout(LIMIT_MS));
}

it(
  'arrive in PostgreSQL planned, proved, and changed again as the API changes; what fits no field is listed',
  async () => {
    api.records = [...listPeople(3000)];
    const to: Side = ['postgresql', postgresConfiguration(target.ownerUrl)];
    const sync = await makeCopy('people', to);
    const { data: plan } = await get(`/api/x/bulk/syncs/${sync}/plan`);
    expect(plan.schemas[0].load.transfer).toMatchObject({ format: 'pgcopy-binary', path: 'rows' });
    const first = await run(sync);
    expect(first, server.home.readLog()).toMatchObject({ status: 'completed', verdict: 'equal' });
    expect(first.schema).toMatchObject({ counts: { read: 3000, written: 3000, rejected: 0 } });
    expect(first.schema?.notes.join(' ')).toContain('page by page');
    api.records = [
      toPerson(1).replace('1e-3', '7'),
      toPerson(2).replace('1999-12-31', 'never'),
      ...listPeople(3001).slice(3),
    ];
    const second = await run(sync);
    expect(second).toMatchObject({ status: 'errors', verdict: 'equal' });
    const counts = { read: 3000, written: 2, unchanged: 2997, rejected: 1 };
    expect(second.schema).toMatchObject({ load: 'merge', counts });
    // The refused one is in the source, so its older version stays; the one that is gone has left.
    const living = 'SELECT id::int FROM main.people WHERE __millrace_deleted_at IS NULL AND id < 5 ORDER BY id';
    expect(await queryDatabase(target.ownerUrl, living)).toEqual([[1], [2], [4]]);
    const { data: rejects } = await get(`/api/x/bulk/syncs/${sync}/executions/${second.id}/rejects`);
    expect(rejects).toMatchObject([{ key: { id: '2' }, reason: 'The value of born is no date (YYYY-MM-DD).' }]);
  },
  LIMIT_MS,
);

it(
  'are refused as a whole when the API gives one of them twice, as pages do that move meanwhile',
  async () => {
    api.records = [...listPeople(3)];
    const sync = await makeCopy('people twice', ['duckdb', { path: 'twice.duckdb' }]);
    expect(await run(sync)).toMatchObject({ status: 'completed' });
    api.records = [...listPeople(3), toPerson(1)];
    const message = expect.stringContaining('(id) does not tell apart');
    expect(await run(sync)).toMatchObject({ status: 'failed', message });
    const path = `${server.filesFolder}/twice.duckdb`;
    expect(await queryFile(path, 'SELECT count(*)::INTEGER FROM people')).toEqual([[3]]);
  },
  LIMIT_MS,
);

it(
  'arrive in a DuckDB file as csv, and later only those that changed, if there is a field that tells',
  async () => {
    api.records = [...listPeople(3000)];
    const sync = await makeCopy('people to a file', ['duckdb', { path: 'people.duckdb' }], 'seen_at');
    const { data: plan } = await get(`/api/x/bulk/syncs/${sync}/plan`);
    expect(plan.schemas[0].load.transfer).toMatchObject({ format: 'csv', path: 'rows' });
    expect(await run(sync), server.home.readLog()).toMatchObject({ status: 'completed', verdict: 'equal' });
    api.records = [toPerson(4000)];
    api.asked.length = 0;
    const delta = await run(sync);
    expect(delta).toMatchObject({ status: 'completed', schema: { load: 'delta', counts: { read: 1, written: 1 } } });
    expect(api.asked).toEqual([expect.stringMatching(/^\/people\?page=0&seen_at=20\d\d-/)]);
    const path = `${server.filesFolder}/people.duckdb`;
    expect(await queryFile(path, 'SELECT count(*)::INTEGER, max(id)::INTEGER FROM people')).toEqual([[3001, 4000]]);
  },
  LIMIT_MS,
);
