import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it, onTestFailed } from 'vitest';
import { readCliFile } from '../../src/runtime/index.ts';
import { createTestDatabase, queryDatabase, type TestDatabase } from '../setup/databases.ts';
import { queryFile } from '../setup/duckdb/duckdb-loads.ts';
import { createTestHome, type MillraceProcess, startMillrace, type TestHome } from '../setup/millrace.ts';
import { type Ended, makeSync, postgresConfiguration, type Side, untilEnded } from '../setup/syncs.ts';

// The source changes only while the server is dead, so each table must arrive as one of the images that there were.

/** Set `SEED` to repeat a failure or to look elsewhere, and `RUNS` to look longer. */
const RUNS = { numRuns: Number(process.env.RUNS ?? 2), seed: Number(process.env.SEED ?? 4), endOnFailure: true };
const LIMIT_MS = 120_000 + 120_000 * RUNS.numRuns;

/** Writers: of records under keys, without a key, and of keys. */
const TABLES = ['keyed', 'keyless', 'moving'] as const;
const RECORDS = 60;

const POINTS = ['planned', 'prepared', 'before-commit', 'after-commit', 'before-digest', 'before-publish'] as const;
const LATE_POINTS = ['after-publish', 'schema-completed'] as const;
const OWN_POINTS = {
  postgresql: ['segment-written', 'segment-fenced', 'publish-applied', 'publish-fenced', 'publish-committed'].map(
    (point) => `postgresql:${point}`,
  ),
  duckdb: ['duckdb-before-commit', 'duckdb-after-commit', 'duckdb-before-publish'],
} as const;

type Change = 'insert' | 'update' | 'delete' | 'move';

/** A crash at a point, and what becomes of the source before the next start. */
interface Crash {
  readonly point: string;
  readonly visit: number;
  readonly changes: readonly { readonly kind: Change; readonly at: number }[];
}

interface Case {
  readonly destination: 'postgresql' | 'duckdb';
  readonly mode: 'replicate' | 'snapshot';
  /** Whether the tables were loaded before. */
  readonly isLater: boolean;
  readonly crashes: readonly Crash[];
}

const change = fc.record({
  kind: fc.constantFrom<Change>('insert', 'update', 'delete', 'move'),
  at: fc.integer({ min: 1, max: RECORDS }),
});
const anyCase: fc.Arbitrary<Case> = fc.constantFrom('postgresql' as const, 'duckdb' as const).chain((destination) =>
  fc.record({
    destination: fc.constant(destination),
    mode: fc.constantFrom('replicate' as const, 'snapshot' as const),
    isLater: fc.boolean(),
    crashes: fc.array(
      fc.record({
        point: fc.constantFrom<string>(...POINTS, ...OWN_POINTS[destination], ...LATE_POINTS),
        visit: fc.integer({ min: 1, max: 2 }),
        changes: fc.array(change, { minLength: 1, maxLength: 8 }),
      }),
      { minLength: 1, maxLength: 3 },
    ),
  }),
);

let metadata: TestDatabase;
let home: TestHome;
let server: MillraceProcess | null = null;
let number = 0;

beforeAll(async () => {
  metadata = await createTestDatabase();
  home = await createTestHome();
});

afterAll(async () => {
  await server?.kill();
  await home[Symbol.asyncDispose]();
  await metadata[Symbol.asyncDispose]();
});

async function restart(failpoint: string): Promise<MillraceProcess> {
  await server?.kill();
  const environment = failpoint === '' ? {} : { MILLRACE_FAILPOINTS: failpoint };
  server = await startMillrace(home, { DATABASE_URL: metadata.url, ...environment });
  return server;
}

const SOURCE = TABLES.map(
  (table) => `CREATE TABLE ${table} (id bigint ${table === 'keyless' ? 'NOT NULL' : 'PRIMARY KEY'}, name text);
    INSERT INTO ${table} SELECT i, 'first ' || i FROM generate_series(1, ${RECORDS}) i;`,
).join('\n');

let stamp = 1_000;

/** One statement for each table. */
function toSql({ kind, at }: Crash['changes'][number]): string {
  stamp += 1;
  const near = `id BETWEEN ${at} AND ${at + 9}`;
  const statements = (table: (typeof TABLES)[number]): Readonly<Record<Change, string>> => ({
    insert: `INSERT INTO ${table} VALUES (${stamp}, 'new ${stamp}')${table === 'keyless' ? `, (${stamp}, 'new ${stamp}')` : ''}`,
    update: `UPDATE ${table} SET name = 'changed ${stamp}' WHERE ${near}`,
    delete: `DELETE FROM ${table} WHERE ${near} AND id % 3 = 0`,
    // Where the old keys are is free again, and a later one may take it.
    move: table === 'moving' ? `UPDATE moving SET id = -id, name = 'moved ${stamp}' WHERE ${near}` : 'SELECT 1',
  });
  return TABLES.map((table) => statements(table)[kind]).join('; ');
}

type Images = Readonly<Record<(typeof TABLES)[number], string>>;

async function readImages(read: (table: string) => Promise<readonly (readonly unknown[])[]>): Promise<Images> {
  const images: Partial<Record<(typeof TABLES)[number], string>> = {};
  for (const table of TABLES)
    images[table] = (await read(table))
      .map(([id, name]) => `${id} ${name}`)
      .sort()
      .join('\n');
  // Every table was read a line above.
  return images as Images;
}

/** Waits for the end, or for the death of the server. */
function untilOver(syncId: string, id: string, signal: AbortSignal): Promise<Ended | null> {
  const running = server;
  if (running === null) throw new Error('No server runs.');
  return Promise.race([
    untilEnded(running, syncId, id, signal).catch(() => running.exited.then(() => null)),
    running.exited.then(() => null),
  ]);
}

async function check({ destination, mode, isLater, crashes }: Case): Promise<void> {
  const signal = AbortSignal.timeout(LIMIT_MS);
  number += 1;
  await using source = await createTestDatabase();
  await using target = await createTestDatabase();
  await queryDatabase(source.ownerUrl, SOURCE);
  const path = `generations-${number}.duckdb`;
  const side: Side =
    destination === 'postgresql' ? ['postgresql', postgresConfiguration(target.ownerUrl)] : ['duckdb', { path }];
  const inSource = () => readImages((table) => queryDatabase(source.ownerUrl, `SELECT id, name FROM ${table}`));
  const inTarget = () =>
    readImages((table) => {
      const live = mode === 'replicate' && table !== 'keyless' ? ' WHERE __millrace_deleted_at IS NULL' : '';
      const sql = `SELECT id, name FROM landing.${table}${live}`;
      const file = join(home.folder, 'files', readCliFile(home.folder)?.organizationId ?? '', path);
      return destination === 'postgresql' ? queryDatabase(target.ownerUrl, sql) : queryFile(file, sql);
    });
  const { client } = await restart('');
  const schemas = TABLES.map((table) => `public.${table}`);
  const parts = { name: `generations ${number}`, source: source.ownerUrl, destination: side, schemas, mode };
  const { id: syncId } = await makeSync({ client }, parts, signal);
  // Moved keys are losses, and the guard is right to stop at many of them.
  await client.setSyncSettings(syncId, { max_loss_percent: 100 }, signal);
  const run = async (): Promise<Ended | null> =>
    untilOver(syncId, (await (server?.client ?? client).startBulkSync(syncId, {}, signal)).id, signal);
  if (isLater) {
    expect((await run())?.receipt?.verdict).toBe('equal');
    await queryDatabase(source.ownerUrl, toSql({ kind: 'update', at: 1 }));
  }
  const images = [await inSource()];
  let executionId: string | null = null;
  let ended: Ended | null = null;
  for (const { point, visit, changes } of crashes) {
    await restart(`${point}@${visit}=exit`);
    executionId ??= (await (server?.client ?? client).startBulkSync(syncId, {}, signal)).id;
    ended = await untilOver(syncId, executionId, signal);
    if (ended !== null) break;
    await queryDatabase(source.ownerUrl, changes.map(toSql).join('; '));
    images.push(await inSource());
  }
  await restart('');
  ended ??= await untilOver(syncId, executionId ?? '', signal);
  expect([ended?.execution.status, ended?.receipt?.verdict]).toEqual(['completed', 'equal']);
  const found = await inTarget();
  for (const table of TABLES) expect(images.map((image) => image[table])).toContain(found[table]);
  expect((await run())?.receipt?.verdict).toBe('equal');
  expect(await inTarget()).toEqual(await inSource());
}

describe('an execution that crashes again and again while its source changes', () => {
  it(
    'publishes each table as one image of the source, and the next execution makes all of them alike',
    async () => {
      onTestFailed(() => console.error(home.readLog().split('\n').slice(-20).join('\n')));
      await fc.assert(fc.asyncProperty(anyCase, check), RUNS);
    },
    LIMIT_MS,
  );
});
