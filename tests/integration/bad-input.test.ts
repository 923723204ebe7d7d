import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import type { BulkSyncRequest } from '../../src/contract/index.ts';
import { queryDatabase } from '../setup/databases.ts';
import { queryFile } from '../setup/duckdb/duckdb-loads.ts';
import { FaultProxy } from '../setup/fault-proxy.ts';
import { Gate } from '../setup/gate.ts';
import { LIMIT_MS, useServer, useSyncScene } from '../setup/hooks.ts';
import { waitFor } from '../setup/millrace.ts';
import { type Ended, untilEnded } from '../setup/syncs.ts';

// What users and networks do to a sync while it runs, and values that a destination cannot hold.

/** A table whose reader is held in its middle, and a small one that waits behind it. */
const SOURCE = `
  CREATE TABLE big AS SELECT i AS id, repeat(md5(i::text), 8) AS name FROM generate_series(1, 20000) i;
  ALTER TABLE big ADD PRIMARY KEY (id);
  CREATE TABLE later (id int PRIMARY KEY, n int, name text);
  INSERT INTO later SELECT i, i * 10, 'v1 ' || i FROM generate_series(1, 10) i;
  ANALYZE`;
const IN_THE_MIDDLE = 1_000_000;

const server = useServer();
const scene = useSyncScene(server, SOURCE);
let gate: Gate;

beforeEach(async () => {
  gate = await Gate.open(scene.source.ownerUrl);
});

afterEach(() => gate[Symbol.asyncDispose]());

/** One lane, so that `later` waits until `big` is read; it was loaded once before. */
async function makeLoaded(mode: NonNullable<BulkSyncRequest['mode']> = 'replicate'): Promise<string> {
  const sync = await scene.make(
    ['public.big', 'public.later'],
    { mode, concurrency_limit: 1 },
    { source: gate.through(scene.source.ownerUrl) },
  );
  expect((await scene.run(sync.id)).execution.status).toBe('completed');
  await scene.inSource(`UPDATE later SET name = replace(name, 'v1', 'v2')`);
  return sync.id;
}

/** Runs the sync; in the middle of the read of `big` something happens. */
async function runWhile(syncId: string, happens: () => Promise<unknown>): Promise<Ended> {
  gate.holdEach(IN_THE_MIDDLE);
  const { id } = await server.client.startBulkSync(syncId, {}, scene.signal);
  await waitFor(async () => {
    const { schemas } = await server.client.getProgress(syncId, id, scene.signal);
    return schemas.some(({ phase, records }) => phase === 'reading' && records > 0) ? true : null;
  }, scene.signal);
  await happens();
  gate.release();
  return untilEnded(server, syncId, id, scene.signal);
}

/** Status and message of one schema. */
function outcomeOf({ execution }: Ended, name: string): readonly [string, string] {
  const found = execution.schemas.find(({ schema }) => schema === `public.${name}`);
  return [found?.status ?? 'absent', found?.status_message ?? ''];
}

const live = (columns: string): Promise<unknown[][]> =>
  scene.inDestination(`SELECT ${columns} FROM landing.later WHERE __millrace_deleted_at IS NULL ORDER BY id`);

describe('a source table that changes in the middle of a run', () => {
  it(
    'is read again with the type that a column has now',
    async () => {
      const syncId = await makeLoaded();
      const ended = await runWhile(syncId, () =>
        scene.inSource(`ALTER TABLE later ALTER n TYPE text USING 'number ' || n`),
      );
      expect([ended.execution.status, ended.receipt?.verdict]).toEqual(['completed', 'equal']);
      expect((await live('id, n, name'))[9]).toEqual([10, 'number 100', 'v2 10']);
    },
    LIMIT_MS,
  );

  it(
    'is read in its new width when a column is widened',
    async () => {
      const syncId = await makeLoaded();
      const ended = await runWhile(syncId, () =>
        scene.inSource('ALTER TABLE later ALTER n TYPE bigint; UPDATE later SET n = 5000000000 WHERE id = 10'),
      );
      expect([ended.execution.status, ended.receipt?.verdict]).toEqual(['completed', 'equal']);
      expect((await live('id, n'))[9]).toEqual([10, '5000000000']);
    },
    LIMIT_MS,
  );

  it(
    'fails by name when it was dropped: its records stay, and the others land',
    async () => {
      const syncId = await makeLoaded();
      const ended = await runWhile(syncId, () => scene.inSource('DROP TABLE later'));
      const [status, message] = outcomeOf(ended, 'later');
      expect([status, outcomeOf(ended, 'big')[0]]).toEqual(['failed', 'completed']);
      expect(message).toContain('later');
      expect((await live('name')).flat()).toEqual(Array.from({ length: 10 }, (_, i) => `v1 ${i + 1}`));
    },
    LIMIT_MS,
  );

  it(
    'loses nothing in the destination when it was truncated',
    async () => {
      const syncId = await makeLoaded();
      const ended = await runWhile(syncId, () => scene.inSource('TRUNCATE later'));
      const [status, message] = outcomeOf(ended, 'later');
      expect(status).toBe('failed');
      expect(message).toContain('would lose 10 of 10');
      expect(await live('id')).toHaveLength(10);
    },
    LIMIT_MS,
  );

  it(
    'fails by the name of a column that was dropped, keeps what it had, and goes on without it next time',
    async () => {
      const syncId = await makeLoaded();
      const ended = await runWhile(syncId, () => scene.inSource('ALTER TABLE later DROP COLUMN n'));
      const [status, message] = outcomeOf(ended, 'later');
      expect(status).toBe('failed');
      expect(message).toMatch(/column.* n|"n"/);
      expect((await live('n')).flat()).toEqual(Array.from({ length: 10 }, (_, i) => (i + 1) * 10));
      const again = await scene.run(syncId);
      expect([again.execution.status, again.receipt?.verdict]).toEqual(['completed', 'equal']);
    },
    LIMIT_MS,
  );
});

describe('a destination table that is changed by hand in the middle of a run', () => {
  /** Status of execution and receipt, of the run in which it happens and of the next one. */
  async function changeByHand(mode: 'replicate' | 'snapshot', sql: string): Promise<readonly unknown[]> {
    const syncId = await makeLoaded(mode);
    const ended = await runWhile(syncId, () => scene.inDestination(sql));
    const again = await scene.run(syncId);
    return [ended, again].map(({ execution, receipt }) => `${execution.status} ${receipt?.verdict}`);
  }
  const wanted = Array.from({ length: 10 }, (_, i) => [i + 1, `v2 ${i + 1}`]);

  it.each([
    ['replicate', 'has lost a column', 'ALTER TABLE landing.later DROP COLUMN name'],
    ['replicate', 'has lost its records', 'TRUNCATE landing.later'],
    ['replicate', 'has a column of another type', 'ALTER TABLE landing.later ALTER n TYPE text'],
    ['replicate', 'has one column more', 'ALTER TABLE landing.later ADD COLUMN mine text'],
    ['replicate', 'is gone', 'DROP TABLE landing.later'],
    ['snapshot', 'is gone', 'DROP TABLE landing.later'],
    ['snapshot', 'has another name', 'ALTER TABLE landing.later RENAME TO elsewhere'],
  ] as const)(
    'in mode %s, when it %s, both that run and the next end equal',
    async (mode, _what, sql) => {
      expect(await changeByHand(mode, sql)).toEqual(['completed equal', 'completed equal']);
      expect(await scene.inDestination('SELECT id, name FROM landing.later ORDER BY id')).toEqual(wanted);
    },
    LIMIT_MS,
  );

  it(
    'lists the records that a new constraint of the table refuses',
    async () => {
      const sql = 'ALTER TABLE landing.later ADD CHECK (n < 50) NOT VALID';
      expect(await changeByHand('replicate', sql)).toEqual(['errors equal', 'errors equal']);
      // Where the new version is refused, the old one stays.
      const found = await scene.inDestination('SELECT name FROM landing.later ORDER BY id');
      expect(found.flat()).toEqual(wanted.map(([id, name]) => (Number(id) < 5 ? name : `v1 ${id}`)));
    },
    LIMIT_MS,
  );
});

describe('a network that changes bytes', () => {
  it.each([
    ['the type of a message', 0],
    ['the length of a message', 1],
  ])(
    'lets a read begin again that lost %s',
    async (_what, offset) => {
      await using proxy = await FaultProxy.open(scene.source.ownerUrl);
      await scene.inSource(`UPDATE big SET name = 'marker' WHERE id = 10000`);
      const sync = await scene.make(
        ['public.big'],
        { mode: 'snapshot' },
        { source: proxy.through(scene.source.ownerUrl) },
      );
      const flipped = proxy.flipBehind('to-client', 'marker', offset);
      const { execution, receipt } = await scene.run(sync.id);
      await flipped;
      expect([execution.status, receipt?.verdict]).toEqual(['completed', 'equal']);
      const sum = 'SELECT count(*)::int, md5(string_agg(id || name, NULL ORDER BY id)) FROM ';
      expect(await scene.inDestination(`${sum} landing.big`)).toEqual(await scene.inSource(`${sum} big`));
    },
    LIMIT_MS,
  );
});

describe('a source that is being restarted', () => {
  it('is asked again while the execution is planned', { timeout: LIMIT_MS }, async () => {
    await using proxy = await FaultProxy.open(scene.source.ownerUrl);
    const sync = await scene.make(['public.later'], {}, { source: proxy.through(scene.source.ownerUrl) });
    await proxy.refuse();
    const { id } = await server.client.startBulkSync(sync.id, {}, scene.signal);
    const told = () => server.home.readLog().split('\n');
    const isFailure = (line: string): boolean => line.includes(id) && line.includes('Planning failed');
    await waitFor(async () => (told().some(isFailure) ? true : null), scene.signal);
    await proxy.heal();
    const { execution, receipt } = await untilEnded(server, sync.id, id, scene.signal);
    expect([execution.status, execution.status_message, receipt?.verdict]).toEqual(['completed', undefined, 'equal']);
  });
});

describe('a source that ends early', () => {
  it.each([
    ['closes the connection', (proxy: FaultProxy) => proxy.cutAfter('to-client', IN_THE_MIDDLE)],
    ['is gone without a word', (proxy: FaultProxy) => proxy.closeAfter('to-client', IN_THE_MIDDLE)],
  ])(
    'is read again when it %s',
    async (_what, harm) => {
      await using proxy = await FaultProxy.open(scene.source.ownerUrl);
      const sync = await scene.make(
        ['public.big'],
        { mode: 'snapshot' },
        { source: proxy.through(scene.source.ownerUrl) },
      );
      const struck = harm(proxy);
      const { execution, receipt } = await scene.run(sync.id);
      await struck;
      expect([execution.status, receipt?.verdict, execution.schemas[0]?.record_count]).toEqual([
        'completed',
        'equal',
        20_000,
      ]);
    },
    LIMIT_MS,
  );
});

describe('values that a destination cannot hold', () => {
  it(
    'names schema and part where bytes are no UTF-8, in a source without an encoding, and loads all when they are mended',
    async () => {
      const name = `test_${randomBytes(6).toString('hex')}`;
      const superuserUrl = inject('postgresSuperuserUrl');
      const owner = new URL(scene.source.ownerUrl).username;
      await queryDatabase(
        superuserUrl,
        `CREATE DATABASE ${name} OWNER ${owner} TEMPLATE template0 ENCODING 'SQL_ASCII' LOCALE_PROVIDER libc LOCALE 'C'`,
      );
      const url = new URL(scene.source.ownerUrl);
      url.pathname = `/${name}`;
      try {
        await queryDatabase(
          url.href,
          `SET client_encoding = 'SQL_ASCII'; CREATE TABLE words (id int PRIMARY KEY, word text, pad text STORAGE PLAIN);
         INSERT INTO words VALUES (1, 'plain'), (2, E'caf\\xe9'), (3, E'caf\\xc3\\xa9');
         INSERT INTO words SELECT i, 'w', repeat('x', 2000) FROM generate_series(4, 75000) i; ANALYZE words`,
        );
        const sync = await scene.make(['public.words'], {}, { source: url.href });
        const ended = await scene.run(sync.id);
        expect(outcomeOf(ended, 'words')).toEqual([
          'failed',
          expect.stringMatching(
            /^Reading public\.words on .* failed: bytes that are not text in this encoding.* in the part "id below \d+"/,
          ),
        ]);
        expect(await scene.tables()).toEqual([]);
        await queryDatabase(url.href, 'DELETE FROM words WHERE id = 2');
        expect((await scene.run(sync.id)).receipt?.verdict).toBe('equal');
        expect(await scene.inDestination('SELECT word FROM landing.words ORDER BY id LIMIT 2')).toEqual([
          ['plain'],
          ['café'],
        ]);
      } finally {
        await queryDatabase(superuserUrl, `DROP DATABASE ${name} WITH (FORCE)`);
      }
    },
    LIMIT_MS,
  );

  it(
    'lists texts with a zero byte, which PostgreSQL does not know',
    async () => {
      const file = join(server.filesFolder, 'zero.duckdb');
      await queryFile(
        file,
        `CREATE TABLE words AS SELECT * FROM (VALUES (1, 'plain'), (2, 'a' || chr(0) || 'b')) t (id, word)`,
      );
      const sync = await scene.make(['main.words'], {}, { source: ['duckdb', { path: 'zero.duckdb' }] });
      const { execution, receipt } = await scene.run(sync.id);
      expect([execution.status, receipt?.verdict]).toEqual(['errors', 'equal']);
      const rejects = await server.client.listRejects(sync.id, execution.id, 10, scene.signal);
      expect(rejects.map(({ reason }) => reason)).toEqual([expect.stringContaining('bytes that are not text')]);
      expect(await scene.inDestination('SELECT id, word FROM landing.words')).toEqual([[1, 'plain']]);
    },
    LIMIT_MS,
  );
});
