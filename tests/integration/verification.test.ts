import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { BulkSyncBody } from '../../src/contract/index.ts';
import { createTestDatabase, type TestDatabase } from '../setup/databases.ts';
import { createTestHome, type MillraceProcess, startMillrace, type TestHome, waitFor } from '../setup/millrace.ts';
import { type Ended, makeSync, postgresConfiguration, untilEnded } from '../setup/syncs.ts';

// A load is held between the commit of its last segment and its verification, and somebody changes what has landed.

/** About 160 MB, so that the table is loaded in more than one range of its key. */
const RECORDS = 85_000;
const LIMIT_MS = 120_000;

let metadata: TestDatabase;
let source: TestDatabase;
let destination: TestDatabase;
let home: TestHome;
let server: MillraceProcess;
let sync: BulkSyncBody;
let goOn: string;
let signal: AbortSignal;

beforeAll(async () => {
  metadata = await createTestDatabase();
  source = await createTestDatabase();
  destination = await createTestDatabase();
  home = await createTestHome();
  goOn = join(home.folder, 'go-on');
  signal = AbortSignal.timeout(LIMIT_MS);
  await query(
    source.ownerUrl,
    `CREATE TABLE people (id int PRIMARY KEY, name text STORAGE EXTERNAL);
     INSERT INTO people SELECT i, repeat(md5(i::text), 58) FROM generate_series(1, ${RECORDS}) i; ANALYZE people`,
  );
  server = await startMillrace(home, {
    DATABASE_URL: metadata.url,
    MILLRACE_FAILPOINTS: `before-digest=wait:${goOn}`,
  });
  sync = await makeSync(
    server,
    {
      name: 'people',
      source: source.ownerUrl,
      destination: ['postgresql', postgresConfiguration(destination.ownerUrl)],
      schemas: ['public.people'],
      mode: 'snapshot',
    },
    signal,
  );
  writeFileSync(goOn, '');
  const { id } = await server.client.startBulkSync(sync.id, {}, signal);
  const { execution, receipt } = await untilEnded(server, sync.id, id, signal);
  expect([execution.status, receipt?.verdict]).toEqual(['completed', 'equal']);
}, LIMIT_MS);

afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await home[Symbol.asyncDispose]();
  for (const database of [metadata, source, destination]) await database[Symbol.asyncDispose]();
});

beforeEach(() => {
  signal = AbortSignal.timeout(LIMIT_MS);
  rmSync(goOn, { force: true });
});

async function query(url: string, sql: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client(url);
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows;
  } finally {
    await client.end();
  }
}

/** Runs the sync; between commit and verification, `change` gets the name of the shadow. */
async function runChanging(change: (shadow: string) => Promise<unknown>): Promise<Ended> {
  const { id } = await server.client.startBulkSync(sync.id, {}, signal);
  const shadow = await waitFor(() => findSealedShadow(), signal);
  await change(shadow);
  writeFileSync(goOn, '');
  return untilEnded(server, sync.id, id, signal);
}

/** The shadow once it has its key: from then on nothing but the verification is left. */
async function findSealedShadow(): Promise<string | null> {
  const rows = await query(
    destination.ownerUrl,
    `SELECT c.oid::regclass::text AS name FROM pg_class c JOIN pg_constraint k ON k.conrelid = c.oid AND k.contype = 'p'
     WHERE c.relnamespace = 'landing'::regnamespace AND c.relkind = 'r' AND c.relname <> 'people'`,
  );
  return rows[0] === undefined ? null : String(rows[0].name);
}

const live = () =>
  query(
    destination.ownerUrl,
    `SELECT count(*)::int AS records, count(*) FILTER (WHERE name <> repeat(md5(id::text), 58))::int AS altered FROM landing.people`,
  );

describe('what is changed between commit and verification', () => {
  it('fails the run when it is a record, names its key range, and leaves the table as it was', async () => {
    const { execution, receipt } = await runChanging((shadow) =>
      query(destination.ownerUrl, `UPDATE ${shadow} SET name = 'altered' WHERE id = ${RECORDS - 7}`),
    );
    expect(execution).toMatchObject({
      status: 'failed',
      status_message: expect.stringMatching(/differ in id from \d+ /),
    });
    const [proof] = receipt?.schemas ?? [];
    expect([receipt?.verdict, proof?.verdict, proof?.differences.length]).toEqual(['different', 'different', 1]);
    const [difference] = proof?.differences ?? [];
    expect(difference?.range).toMatch(/^id from \d+$/);
    expect(difference?.source.records).toBe(difference?.destination.records);
    expect(difference?.source.sum).not.toBe(difference?.destination.sum);
    expect(await live()).toEqual([{ records: RECORDS, altered: 0 }]);
    expect(await findSealedShadow()).toBeNull();
  });

  it('fails the run when it is a truncated segment, names its key range, and leaves the table as it was', async () => {
    const { execution, receipt } = await runChanging((shadow) =>
      query(destination.ownerUrl, `DELETE FROM ${shadow} WHERE id BETWEEN 101 AND 200`),
    );
    expect(execution.status).toBe('failed');
    const [difference] = receipt?.schemas[0]?.differences ?? [];
    expect(difference?.range).toMatch(/^id below \d+$/);
    expect((difference?.source.records ?? 0) - (difference?.destination.records ?? 0)).toBe(100);
    expect(await live()).toEqual([{ records: RECORDS, altered: 0 }]);
    expect(await findSealedShadow()).toBeNull();
  });

  it('is loaded again from the start where the receipt depth is repair', async () => {
    await server.client.setSyncSettings(sync.id, { receipt_depth: 'repair' }, signal);
    const { execution, receipt } = await runChanging((shadow) =>
      query(destination.ownerUrl, `UPDATE ${shadow} SET name = 'altered' WHERE id = 7`),
    );
    expect([execution.status, execution.status_message, receipt?.verdict]).toEqual(['completed', undefined, 'equal']);
    expect(await live()).toEqual([{ records: RECORDS, altered: 0 }]);
    await server.client.setSyncSettings(sync.id, {}, signal);
  });

  it('does not stand in the way of the next run', async () => {
    writeFileSync(goOn, '');
    const { id } = await server.client.startBulkSync(sync.id, {}, signal);
    const { execution, receipt } = await untilEnded(server, sync.id, id, signal);
    expect([execution.status, receipt?.verdict]).toEqual(['completed', 'equal']);
  });
});

it('names the range and the records that were changed in a table of several ranges', async () => {
  await query(
    destination.ownerUrl,
    `UPDATE landing.people SET name = 'altered' WHERE id = ${RECORDS - 7}; DELETE FROM landing.people WHERE id = ${RECORDS - 8}`,
  );
  const { id } = await server.client.verifyBulkSync(sync.id, {}, signal);
  const { execution, receipt } = await untilEnded(server, sync.id, id, signal);
  expect([execution.status, receipt?.verdict]).toEqual(['failed', 'different']);
  const [proof] = receipt?.schemas ?? [];
  expect(proof?.differences.map(({ range }) => range)).toEqual([expect.stringMatching(/^id from \d+$/)]);
  expect(proof?.differing).toMatchObject({ missing: 1, extra: 0, different: 1, complete: true });
  expect(proof?.differing?.records.map(({ kind, key }) => `${kind} ${key.id}`).sort()).toEqual([
    `different ${RECORDS - 7}`,
    `missing ${RECORDS - 8}`,
  ]);
});

it('proves a table of several ranges whose key field is not selected', async () => {
  const partial = await makeSync(
    server,
    {
      name: 'names only',
      source: source.ownerUrl,
      destination: ['postgresql', postgresConfiguration(destination.ownerUrl)],
      schemas: [{ id: 'public.people', fields: ['name'] }],
      mode: 'snapshot',
      options: { destination_configuration: { schema: 'partial' } },
    },
    signal,
  );
  writeFileSync(goOn, '');
  const { id } = await server.client.startBulkSync(partial.id, {}, signal);
  const { execution, receipt } = await untilEnded(server, partial.id, id, signal);
  expect([execution.status, receipt?.verdict]).toEqual(['completed', 'equal']);
  const [found] = await query(destination.ownerUrl, 'SELECT count(*)::int AS records FROM partial.people');
  expect(found).toEqual({ records: RECORDS });
});
