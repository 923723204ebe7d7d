import { mkdirSync } from 'node:fs';
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { queryDatabase } from '../setup/databases.ts';
import { queryFile } from '../setup/duckdb/duckdb-loads.ts';
import { LIMIT_MS, useDatabase, useServer } from '../setup/hooks.ts';
import { askServer } from '../setup/millrace.ts';
import { makeSync, postgresConfiguration, type Side, untilEnded } from '../setup/syncs.ts';

// Files as sources through a whole server: the owner's thread reads, whichever side has one.

const target = useDatabase();
const server = useServer();
let number = 0;

const inFolder = (name: string) => join(server.filesFolder, name);
const inTarget = (sql: string) => queryDatabase(target.ownerUrl, sql);

async function make(source: Side, destination: Side, schemas: string[], schema: string): Promise<string> {
  number += 1;
  const options = { destination_configuration: { schema } };
  const given = { name: `files ${number}`, source, destination, schemas, options };
  return (await makeSync(server, given, AbortSignal.timeout(LIMIT_MS))).id;
}

/** Runs to a good end, proved by checksums, and answers how each schema was loaded. */
async function run(syncId: string): Promise<readonly string[]> {
  const signal = AbortSignal.timeout(LIMIT_MS);
  const { id } = await server.client.startBulkSync(syncId, {}, signal);
  const { execution, receipt } = await untilEnded(server, syncId, id, signal);
  expect([execution.status, execution.status_message, receipt?.verdict], server.home.readLog()).toEqual([
    'completed',
    undefined,
    'equal',
  ]);
  return receipt?.schemas.map(({ load }) => load) ?? [];
}

it(
  'copies a database file into PostgreSQL, merges what changed, and leaves the file to others in between',
  async () => {
    const path = inFolder('shop.duckdb');
    await queryFile(
      path,
      "CREATE TABLE orders (id INTEGER PRIMARY KEY, note VARCHAR, total DECIMAL(12,2)); INSERT INTO orders SELECT i, 'n' || i, i / 4 FROM range(50000) r(i); CREATE TABLE log AS SELECT 'a' AS line",
    );
    const to: Side = ['postgresql', postgresConfiguration(target.ownerUrl)];
    const sync = await make(['duckdb', { path: 'shop.duckdb' }], to, ['main.orders', 'main.log'], 'shop');
    expect(await run(sync)).toEqual(['replace', 'replace']);
    await queryFile(path, "UPDATE orders SET note = 'changed' WHERE id = 7; DELETE FROM orders WHERE id = 8");
    expect([...(await run(sync))].sort()).toEqual(['merge', 'replace']);
    expect(
      await inTarget(
        'SELECT count(*)::int, sum(total)::text, count(*) FILTER (WHERE __millrace_deleted_at IS NOT NULL)::int FROM shop.orders',
      ),
    ).toEqual([[50_000, '312493750.00', 1]]);
    expect(await inTarget('SELECT note FROM shop.orders WHERE id = 7')).toEqual([['changed']]);
  },
  LIMIT_MS,
);

it(
  'copies from one database file into another, and files into a database file',
  async () => {
    await queryFile(inFolder('from.duckdb'), 'CREATE TABLE t AS SELECT i AS id, [i] AS l FROM range(1000) r(i)');
    await run(await make(['duckdb', { path: 'from.duckdb' }], ['duckdb', { path: 'to.duckdb' }], ['main.t'], 'main'));
    mkdirSync(inFolder('in'), { recursive: true });
    await writeFile(inFolder('in/people.csv'), 'id,name\n1,Ann\n2,\n');
    await queryFile(':memory:', `COPY (SELECT 1 AS id) TO '${inFolder('in/x.parquet')}'`);
    const to: Side = ['duckdb', { path: 'to.duckdb' }];
    await run(await make(['files', { path: 'in', format: 'csv' }], to, ['people'], 'main'));
    await run(await make(['files', { path: 'in/x.parquet', format: 'parquet' }], to, ['x'], 'main'));
    const landed = inFolder('to.duckdb');
    expect(await queryFile(landed, 'SELECT count(*)::INTEGER, sum((l::INTEGER[])[1])::INTEGER FROM t')).toEqual([
      [1000, 499_500],
    ]);
    expect(await queryFile(landed, 'SELECT id, name FROM people ORDER BY id')).toEqual([
      ['1', 'Ann'],
      ['2', null],
    ]);
    expect(await queryFile(landed, 'SELECT id FROM x')).toEqual([[1]]);
    expect((await readdir(server.filesFolder)).filter((name) => name.includes('millrace'))).toEqual([]);
  },
  LIMIT_MS,
);

it(
  'refuses to read the file that it writes, when it is saved, and when it starts after a connection was led there',
  async () => {
    const signal = AbortSignal.timeout(LIMIT_MS);
    await queryFile(inFolder('same.duckdb'), 'CREATE TABLE t AS SELECT 1 AS id');
    const file: Side = ['duckdb', { path: 'same.duckdb' }];
    await expect(make(file, file, ['main.t'], 'copies')).rejects.toThrow('cannot be written meanwhile');
    const sync = await make(file, ['duckdb', { path: 'other.duckdb' }], ['main.t'], 'copies');
    const { source_connection_id: one, destination_connection_id: other } = await server.client.getBulkSync(
      sync,
      signal,
    );
    const moved = { name: `moved ${other}`, configuration: { path: 'same.duckdb' } };
    await askServer(server, 'PUT', `/api/connections/${other}`, moved, signal);
    const { id } = await server.client.startBulkSync(sync, {}, signal);
    const { execution } = await untilEnded(server, sync, id, signal);
    expect([execution.status, execution.status_message]).toEqual(['failed', expect.stringContaining('the same file')]);
    const request = {
      name: 'one',
      mode: 'replicate',
      source_connection_id: one,
      destination_connection_id: one,
    } as const;
    const saved = server.client.createBulkSync(
      {
        ...request,
        destination_configuration: { schema: 'x' },
        default_schedule: { frequency: 'manual' },
        schemas: ['main.t'],
      },
      signal,
    );
    await expect(saved).rejects.toThrow('cannot be written meanwhile');
  },
  LIMIT_MS,
);
