import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { BulkSyncRequest, StartBulkSyncRequest } from '../../src/contract/index.ts';
import { readCliFile } from '../../src/runtime/index.ts';
import { createTestDatabase, type TestDatabase } from '../setup/databases.ts';
import { createTestHome, type MillraceProcess, startMillrace, type TestHome } from '../setup/millrace.ts';
import { makeSync, untilEnded } from '../setup/syncs.ts';

// The options that a destination acts on, in a DuckDB file.

const LIMIT_MS = 90_000;
const PEOPLE = 'public.people';

let metadata: TestDatabase;
let source: TestDatabase;
let home: TestHome;
let server: MillraceProcess;
let folder: string;
let signal: AbortSignal;
let number = 0;

beforeAll(async () => {
  metadata = await createTestDatabase();
  source = await createTestDatabase();
  home = await createTestHome();
  server = await startMillrace(home, { DATABASE_URL: metadata.url });
  folder = join(home.folder, 'files', readCliFile(home.folder)?.organizationId ?? '');
  mkdirSync(folder, { recursive: true, mode: 0o700 });
}, LIMIT_MS);

afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await home[Symbol.asyncDispose]();
  await source[Symbol.asyncDispose]();
  await metadata[Symbol.asyncDispose]();
});

beforeEach(async () => {
  number += 1;
  signal = AbortSignal.timeout(LIMIT_MS);
  await inSource(
    `DROP TABLE IF EXISTS people, notes;
     CREATE TABLE people (id int PRIMARY KEY, name text, changed_at timestamptz NOT NULL DEFAULT now());
     INSERT INTO people SELECT i, 'p' || i FROM generate_series(1, 10) i;
     CREATE TABLE notes (body text);
     INSERT INTO notes VALUES ('one'), ('two')`,
  );
});

async function inSource(sql: string): Promise<void> {
  const client = new pg.Client(source.ownerUrl);
  await client.connect();
  await client.query(sql).finally(() => client.end());
}

async function inFile(sql: string): Promise<unknown[][]> {
  const instance = await DuckDBInstance.create(join(folder, `file${number}.duckdb`));
  const connection = await instance.connect();
  try {
    return (await connection.runAndReadAll(sql)).getRowsJson();
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

const make = (schemas: NonNullable<BulkSyncRequest['schemas']>, options: Partial<BulkSyncRequest> = {}) =>
  makeSync(
    server,
    {
      name: `duckdb ${number}`,
      source: source.ownerUrl,
      destination: ['duckdb', { path: `file${number}.duckdb` }],
      schemas,
      options,
    },
    signal,
  );

/** Runs to a good end and answers the loads. */
async function run(syncId: string, start: NonNullable<StartBulkSyncRequest> = {}): Promise<readonly string[]> {
  const { id } = await server.client.startBulkSync(syncId, start, signal);
  const { execution, receipt } = await untilEnded(server, syncId, id, signal);
  expect([execution.status, execution.status_message, receipt?.verdict]).toEqual(['completed', undefined, 'equal']);
  return receipt?.schemas.map(({ load }) => load) ?? [];
}

describe('a DuckDB file as destination', () => {
  it('is not even made by a test', async () => {
    const sync = await make([PEOPLE]);
    const { id } = await server.client.startBulkSync(sync.id, { test: true }, signal);
    const { execution, receipt } = await untilEnded(server, sync.id, id, signal);
    expect([execution.status, receipt]).toEqual(['completed', null]);
    expect(existsSync(join(folder, `file${number}.duckdb`))).toBe(false);
  });

  it('names tables by prefix and mirrored schemas', async () => {
    const sync = await make([PEOPLE], {
      destination_configuration: { mirror_schemas: true, advanced: { table_prefix: 'Raw_' } },
    });
    await run(sync.id);
    expect(
      await inFile(
        `SELECT schema_name, table_name FROM duckdb_tables() WHERE schema_name NOT LIKE '\\_\\_%' ESCAPE '\\'`,
      ),
    ).toEqual([['public', 'Raw_people']]);
  });

  it.each(['refetch', 'resync', 'rebuild'] as const)('repairs by %s what was changed in it', async (mode) => {
    const sync = await make([{ id: PEOPLE, tracking_field: 'changed_at' }], {
      destination_configuration: { schema: 'landing' },
    });
    await run(sync.id);
    await inFile(`UPDATE landing.people SET name = 'altered' WHERE id = 3`);
    expect(await run(sync.id, { resync_mode: mode })).toEqual([mode === 'refetch' ? 'merge' : 'replace']);
    expect(await inFile(`SELECT name FROM landing.people WHERE id = 3`)).toEqual([['p3']]);
    expect(await run(sync.id)).toEqual(['delta']);
  });

  it('keeps views with truncate_existing when records without a key are replaced', async () => {
    const sync = await make(['public.notes'], {
      destination_configuration: { schema: 'landing', advanced: { truncate_existing: true } },
    });
    await run(sync.id);
    await inFile('CREATE VIEW landing.shouted AS SELECT upper(body) AS body FROM landing.notes');
    await inSource(`INSERT INTO notes VALUES ('three')`);
    await run(sync.id);
    expect(await inFile('SELECT count(*)::int FROM landing.shouted')).toEqual([[3]]);
  });

  it('removes records with hard_deletes, those that were only marked before, too', async () => {
    const hard = { schema: 'landing', advanced: { hard_deletes: true } };
    const sync = await make([PEOPLE]);
    await run(sync.id);
    await inSource('DELETE FROM people WHERE id <= 4');
    await run(sync.id);
    const answer = await fetch(`${server.url}/api/bulk/syncs/${sync.id}`, {
      method: 'PUT',
      headers: { authorization: `Bearer ${server.apiKey}`, 'content-type': 'application/json' },
      body: JSON.stringify({
        name: sync.name,
        mode: sync.mode,
        source_connection_id: sync.source_connection_id,
        destination_connection_id: sync.destination_connection_id,
        destination_configuration: hard,
        default_schedule: { frequency: 'manual' },
      }),
    });
    expect(answer.status).toBe(200);
    await inSource(`DELETE FROM people WHERE id <= 6; INSERT INTO people VALUES (1, 'back')`);
    expect(await run(sync.id)).toEqual(['merge']);
    expect(await inFile('SELECT id FROM landing.people ORDER BY id')).toEqual([[1], [7], [8], [9], [10]]);
  });

  it('takes no records that a declared key does not tell apart', async () => {
    const sync = await make(['public.notes'], { destination_configuration: { schema: 'landing' } });
    const answer = await fetch(
      `${server.url}/api/connections/${sync.source_connection_id}/schemas/public.notes/primary_keys`,
      {
        method: 'PUT',
        headers: { authorization: `Bearer ${server.apiKey}`, 'content-type': 'application/json' },
        body: JSON.stringify({ fields: [{ field_id: 'body', is_primary_key: true }] }),
      },
    );
    expect(answer.status).toBe(202);
    await run(sync.id);
    await inSource(`INSERT INTO notes VALUES ('two')`);
    const { id } = await server.client.startBulkSync(sync.id, {}, signal);
    const { execution } = await untilEnded(server, sync.id, id, signal);
    expect(execution.status_message).toContain('does not tell apart');
    expect(await inFile('SELECT count(*)::int FROM landing.notes')).toEqual([[2]]);
  });
});
