import { renameSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { BulkSyncBody, BulkSyncRequest, ReceiptBody } from '../../src/contract/index.ts';
import { queryFile } from '../setup/duckdb/duckdb-loads.ts';
import { LIMIT_MS, useServer, useSyncScene } from '../setup/hooks.ts';
import { postgresConfiguration, untilEnded } from '../setup/syncs.ts';

// Comparisons and repairs where one end is a file, so that both are hashed in the canonical form.

const SOURCE = `
  CREATE TABLE kinds (id bigint PRIMARY KEY, flag boolean, small smallint, exact numeric(20,5), half real, whole double precision,
    note text, raw bytea, uid uuid, doc jsonb, day date, clock time, local timestamp, moment timestamptz, changed_at timestamptz NOT NULL);
  INSERT INTO kinds SELECT i, i % 2 = 0, i, i / 7.0, i / 3.0, i / 9.0, CASE i % 5 WHEN 0 THEN '' WHEN 1 THEN NULL ELSE 'ä"b,c' || chr(10) || i END,
    decode(md5(i::text), 'hex'), md5(i::text)::uuid, jsonb_build_object('a', i), '2024-01-01'::date + i, '12:00'::time + i * interval '1 s',
    '1969-12-31 23:59:59.999999'::timestamp + i * interval '1 hour', '2024-02-29 12:00Z'::timestamptz - i * interval '3000 days', '2024-01-01Z'::timestamptz + i * interval '1 minute' FROM generate_series(1, 400) i;
  CREATE TABLE named (name text PRIMARY KEY, note text);
  INSERT INTO named VALUES ('Ärger', 'a'), ('straße', ''), ('z', NULL), ('a,"b', 'd');`;

const server = useServer();
const scene = useSyncScene(server, SOURCE);
const fileName = () => `${scene.source.name}.duckdb`;
const inFile = (sql: string) => queryFile(join(server.filesFolder, fileName()), sql);

async function load(sync: BulkSyncBody): Promise<ReceiptBody | null> {
  const { execution, receipt } = await scene.run(sync.id);
  expect([execution.status, execution.status_message, receipt?.verdict]).toEqual(['completed', undefined, 'equal']);
  return receipt;
}

async function verify(sync: BulkSyncBody) {
  const { id } = await server.client.verifyBulkSync(sync.id, {}, scene.signal);
  const { execution, receipt } = await untilEnded(server, sync.id, id, scene.signal);
  return { status: execution.status, message: execution.status_message, found: listFound(receipt, 'differing') };
}

function listFound(receipt: ReceiptBody | null, what: 'differing' | 'repaired') {
  return Object.fromEntries(
    (receipt?.schemas ?? []).flatMap((schema) => {
      const found = schema[what];
      return found === null
        ? []
        : [[schema.schema, found.records.map(({ kind, key }) => `${kind} ${Object.values(key).join('/')}`).sort()]];
    }),
  );
}

const EQUAL = { status: 'completed', message: undefined, found: {} };
const SCHEMAS: NonNullable<BulkSyncRequest['schemas']> = [
  { id: 'public.kinds', tracking_field: 'changed_at' },
  'public.named',
];

/** Of both destinations; ids and names are the same there. */
const CHANGES = [
  `UPDATE landing.kinds SET whole = whole * 2 WHERE id = 9`,
  `UPDATE landing.kinds SET note = NULL WHERE id = 10`,
  `DELETE FROM landing.kinds WHERE id = 300`,
  `INSERT INTO landing.kinds (id, note, changed_at) VALUES (-1, 'extra', '2020-01-01')`,
  `UPDATE landing.named SET note = '' WHERE name = 'z'`,
];
const FOUND = {
  'public.kinds': ['different 10', 'different 9', 'extra -1', 'missing 300'],
  'public.named': ['different z'],
};

describe('a DuckDB file as destination', { timeout: LIMIT_MS }, () => {
  it('is compared value by value, whatever the type', async () => {
    const sync = await scene.make(SCHEMAS, {}, { destination: ['duckdb', { path: fileName() }] });
    await load(sync);
    expect(await verify(sync)).toEqual(EQUAL);
    for (const change of CHANGES) await inFile(change);
    expect(await verify(sync)).toMatchObject({ status: 'failed', found: FOUND });
  });

  it('is repaired', async () => {
    const sync = await scene.make(SCHEMAS, {}, { destination: ['duckdb', { path: fileName() }] });
    await load(sync);
    for (const change of CHANGES) await inFile(change);
    await server.client.setSyncSettings(sync.id, { receipt_depth: 'repair' }, scene.signal);
    const receipt = await load(sync);
    expect(receipt?.schemas.find(({ schema }) => schema === 'public.kinds')?.load).toBe('delta');
    expect(listFound(receipt, 'repaired')).toEqual({ 'public.kinds': FOUND['public.kinds'] });
    expect(await verify(sync)).toEqual(EQUAL);
    expect(await inFile(`SELECT id FROM landing.kinds WHERE __millrace_deleted_at IS NOT NULL`)).toEqual([['-1']]);
    // Those that nobody touched keep the time of the first load.
    const times = await inFile(`SELECT count(*) FROM landing.kinds GROUP BY __millrace_updated_at ORDER BY 1`);
    expect(times.flat().map(Number)).toEqual([4, 397]);
  });

  it('is compared when it was not filled by Millrace, and stays as it is', async () => {
    await inFile(`CREATE SCHEMA landing; CREATE TABLE landing.named (name VARCHAR, note VARCHAR, more INTEGER)`);
    await inFile(`INSERT INTO landing.named (name, note) VALUES ('Ärger', 'a'), ('straße', ''), ('a,"b', 'D')`);
    const sync = await scene.make(['public.named'], {}, { destination: ['duckdb', { path: fileName() }] });
    expect(await verify(sync)).toMatchObject({
      status: 'failed',
      found: { 'public.named': ['different a,"b', 'missing z'] },
    });
    await inFile(`UPDATE landing.named SET note = 'd' WHERE note = 'D'`);
    await inFile(`INSERT INTO landing.named (name) VALUES ('z')`);
    expect(await verify(sync)).toEqual(EQUAL);
    expect(await inFile(`SELECT table_name FROM duckdb_tables()`)).toEqual([['named']]);
  });

  it('says so when there is no such file or table', async () => {
    const sync = await scene.make(['public.named'], {}, { destination: ['duckdb', { path: fileName() }] });
    const { status, message } = await verify(sync);
    expect([status, message]).toEqual(['failed', expect.stringContaining('does not exist in the destination')]);
  });
});

describe('a DuckDB file as source', { timeout: LIMIT_MS }, () => {
  it('is compared with PostgreSQL, which is repaired', async () => {
    await inFile(
      `CREATE TABLE kinds (id BIGINT PRIMARY KEY, whole DOUBLE, note VARCHAR, changed_at TIMESTAMPTZ NOT NULL)`,
    );
    await inFile(
      `INSERT INTO kinds SELECT i, i / 9.0, 'note ' || i, TIMESTAMPTZ '2024-01-01 00:00:00Z' + INTERVAL (i) MINUTE FROM range(1, 401) r(i)`,
    );
    await inFile(`CREATE TABLE named (name VARCHAR PRIMARY KEY, note VARCHAR)`);
    await inFile(`INSERT INTO named VALUES ('Ärger', 'a'), ('z', NULL)`);
    const sync = await scene.make(
      [{ id: 'main.kinds', tracking_field: 'changed_at' }, 'main.named'],
      {},
      {
        source: ['duckdb', { path: fileName() }],
        destination: ['postgresql', postgresConfiguration(scene.destination.ownerUrl)],
      },
    );
    await load(sync);
    for (const change of CHANGES) await scene.inDestination(change);
    const found = { 'main.kinds': FOUND['public.kinds'], 'main.named': FOUND['public.named'] };
    expect(await verify(sync)).toMatchObject({ status: 'failed', found });
    await server.client.setSyncSettings(sync.id, { receipt_depth: 'repair' }, scene.signal);
    expect(listFound(await load(sync), 'repaired')).toEqual({ 'main.kinds': found['main.kinds'] });
    expect(await verify(sync)).toEqual(EQUAL);
  });
});

describe('a Parquet folder', { timeout: LIMIT_MS }, () => {
  it('is compared by its published files', async () => {
    const options = { mode: 'snapshot', destination_configuration: {} } as const;
    const sync = await scene.make(['public.kinds', 'public.named'], options, {
      destination: ['parquet', { path: scene.source.name }],
    });
    await load(sync);
    expect(await verify(sync)).toEqual(EQUAL);
    const folder = join(server.filesFolder, scene.source.name, 'named', 'current');
    const [[file]] = (await queryFile(':memory:', `SELECT file FROM glob('${folder}/*.parquet')`)) as [[string]];
    await queryFile(
      ':memory:',
      `COPY (SELECT * REPLACE (CASE name WHEN 'z' THEN 'x' ELSE note END AS note) FROM '${file}' WHERE name <> 'Ärger') TO '${file}.new' (FORMAT parquet)`,
    );
    renameSync(`${file}.new`, file);
    expect(await verify(sync)).toMatchObject({
      status: 'failed',
      found: { 'public.named': ['different z', 'missing Ärger'] },
    });
  });
});
