import pg from 'pg';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { WAITING_FOR_US } from '../../../../tests/setup/databases.ts';
import { useSides } from '../../../../tests/setup/postgresql-copies.ts';
import { connectDatabase, copySchema, NEVER, openLoad, readWhole } from '../../../../tests/setup/postgresql-loads.ts';
import type { Load, LoadPlan } from '../../../connector-kit/index.ts';
import { SyncError } from '../../../core/index.ts';
import type { Chunk } from '../../../formats/index.ts';

const { source, destination } = useSides(
  `CREATE TABLE items (id int PRIMARY KEY, note text);
   INSERT INTO items SELECT i, repeat('x', 100) FROM generate_series(1, 1000) i`,
);
let generation = 0;

beforeEach(async () => {
  await destination.sql('DROP SCHEMA IF EXISTS __millrace CASCADE; DROP TABLE IF EXISTS items');
});

const OUTCOME = { recordsRead: 1000, bytesRead: 1, source: { records: 1000, sum: null }, rejects: [] };

interface Scene extends AsyncDisposable {
  readonly plan: LoadPlan;
  readonly load: Load;
  /** All records of the table, in one chunk or a few. */
  readonly chunks: readonly Chunk[];
  /** A generation that has begun, seen by another process. */
  open(given?: Partial<LoadPlan>, failpoint?: (name: string) => void): Promise<Load>;
}

async function prepareScene(): Promise<Scene> {
  generation += 10;
  const copy = {
    source: source.connector,
    destination: destination.connector,
    schemaId: 'public.items',
    plan: { generation },
  };
  const stack = new AsyncDisposableStack();
  const snapshot = await source.connector.source?.openSnapshot(NEVER);
  if (snapshot === undefined) throw new Error('no source');
  await using held = snapshot;
  const { plan, chunks } = await readWhole(copy, held);
  const load = await openLoad(destination.connector, plan);
  await load.prepare(NEVER);
  return {
    plan,
    load,
    chunks,
    async open(given = {}, failpoint = () => {}) {
      const connector = stack.use(await connectDatabase(destination.url, { failpoint }));
      return openLoad(connector, { ...plan, ...given });
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

/** The same, with its one segment committed. */
async function prepareLoaded(): Promise<Scene> {
  const scene = await prepareScene();
  await using writer = await writeAll(scene.load, scene.chunks, 1);
  await writer.commit(OUTCOME, NEVER);
  return scene;
}

async function connectRaw(url: string): Promise<pg.Client> {
  const client = new pg.Client(url);
  await client.connect();
  return client;
}

async function writeAll(load: Load, chunks: Scene['chunks'], token: number) {
  const writer = await load.beginSegment({ no: 0, token }, { isolate: false }, NEVER);
  for (const chunk of chunks) await writer.write(chunk, NEVER);
  return writer;
}

/** Names in the server's list that tell of an execution. */
async function sessionNames(): Promise<unknown[]> {
  const rows = await destination.sql(
    `SELECT application_name FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'millrace test%' ORDER BY 1`,
  );
  return rows.flat();
}

async function scratchCount(plan: LoadPlan): Promise<string | null | undefined> {
  const [[name] = []] = await destination.sql(
    `SELECT relname FROM pg_class WHERE relkind = 'r' AND relname LIKE '\\_\\_millrace\\_%\\_${plan.generation}'`,
  );
  const [[count] = []] = await destination.sql(`SELECT count(*) FROM "${name}"`);
  return count;
}

describe('a segment', () => {
  it('leaves nothing when it is given up', async () => {
    await using scene = await prepareScene();
    {
      await using writer = await writeAll(scene.load, scene.chunks, 1);
      void writer;
    }
    expect(await scene.load.digest(null, true, NEVER)).toEqual({ records: 0, sum: null });
  });

  it('is named by the session that writes it, until its end', async () => {
    await using scene = await prepareScene();
    const before = await sessionNames();
    await using writer = await scene.load.beginSegment({ no: 12, token: 3 }, { isolate: false }, NEVER);
    for (const chunk of scene.chunks) await writer.write(chunk, NEVER);
    expect(await sessionNames()).toContain('millrace test 12/3');
    await writer.commit(OUTCOME, NEVER);
    expect(await sessionNames()).toEqual(before);
  });

  it('is committed by the newer of two owners only', async () => {
    await using scene = await prepareScene();
    await using older = await writeAll(scene.load, scene.chunks, 1);
    await using newer = await writeAll(await scene.open(), scene.chunks, 2);
    await expect(older.commit(OUTCOME, NEVER)).rejects.toBeInstanceOf(SyncError);
    await newer.commit(OUTCOME, NEVER);
    expect(await scratchCount(scene.plan)).toBe('1000');
  });

  it('cannot be taken by an owner with an older token', async () => {
    await using scene = await prepareScene();
    await using newer = await writeAll(scene.load, scene.chunks, 2);
    await expect(
      (await scene.open()).beginSegment({ no: 0, token: 1 }, { isolate: false }, NEVER),
    ).rejects.toMatchObject({ code: 'FENCE_LOST' });
    await newer.commit(OUTCOME, NEVER);
    await expect(
      (await scene.open()).beginSegment({ no: 0, token: 3 }, { isolate: false }, NEVER),
    ).rejects.toMatchObject({ code: 'FENCE_LOST' });
  });

  it('is taken from an owner that stands between its last statement and COMMIT', async () => {
    await using scene = await prepareScene();
    const frozen = await scene.open({}, (name) => {
      if (name === 'postgresql:segment-fenced') throw new Error('frozen');
    });
    // Not disposed of yet: its transaction is open and holds the segment's row.
    await using older = await writeAll(frozen, scene.chunks, 1);
    await expect(older.commit(OUTCOME, NEVER)).rejects.toThrow('frozen');
    await using newer = await writeAll(scene.load, scene.chunks, 2);
    await newer.commit(OUTCOME, NEVER);
    expect(await scratchCount(scene.plan)).toBe('1000');
  });

  it('tells after a lost answer what became of it', async () => {
    await using scene = await prepareScene();
    const segment = { no: 0, token: 1 };
    expect(await scene.load.lookup(segment, NEVER)).toEqual({ state: 'absent' });
    const dying = await scene.open({}, (name) => {
      if (name === 'postgresql:segment-committed') throw new Error('killed');
    });
    const writer = await writeAll(dying, scene.chunks, 1);
    expect(await scene.load.lookup(segment, NEVER)).toEqual({ state: 'unknown' });
    await expect(writer.commit(OUTCOME, NEVER)).rejects.toThrow('killed');
    expect(await scene.load.lookup(segment, NEVER)).toEqual({ state: 'committed', outcome: OUTCOME });
  });

  it('is nothing when the process dies before COMMIT, and can be written again', async () => {
    await using scene = await prepareScene();
    const dying = await scene.open({}, (name) => {
      if (name === 'postgresql:segment-fenced') throw new Error('killed');
    });
    const writer = await writeAll(dying, scene.chunks, 1);
    await expect(writer.commit(OUTCOME, NEVER)).rejects.toThrow('killed');
    await writer[Symbol.asyncDispose]();
    await using again = await writeAll(scene.load, scene.chunks, 2);
    await again.commit(OUTCOME, NEVER);
    expect(await scratchCount(scene.plan)).toBe('1000');
  });
});

describe('a table', () => {
  it('is named by the session that keys or publishes it, until its end', async () => {
    await using scene = await prepareScene();
    const before = await sessionNames();
    await using writer = await writeAll(scene.load, scene.chunks, 1);
    await writer.commit(OUTCOME, NEVER);
    const [[scratch] = []] = await destination.sql(
      `SELECT relname FROM pg_class WHERE relkind = 'r' AND relname ~ '_[0-9]+$'`,
    );
    for (const [held, work] of [
      [`"${scratch}"`, () => scene.load.seal(NEVER)],
      ['__millrace.publications', () => scene.load.publish({ maxLossPercent: 100 }, NEVER)],
    ] as const)
      expect([held, await namesWhileWaiting(held, work)]).toEqual([
        held,
        expect.arrayContaining(['millrace test items']),
      ]);
    expect(await sessionNames()).toEqual(before);
  });

  it('is named by the session that compares it', async () => {
    await using scene = await prepareScene();
    await destination.sql('CREATE TABLE items (id int, note text)');
    await using connector = await connectDatabase(destination.url);
    await using image = await connector.destination?.openImage?.(scene.plan, NEVER);
    expect([image?.notes, await sessionNames()]).toEqual([[], expect.arrayContaining(['millrace test items'])]);
  });
});

/** What sessions are called while one waits for that table. */
async function namesWhileWaiting(table: string, work: () => Promise<unknown> | undefined): Promise<unknown[]> {
  const client = await connectRaw(destination.url);
  try {
    await client.query(`BEGIN; LOCK TABLE ${table} IN SHARE MODE`);
    const working = work();
    await vi.waitUntil(async () => (await client.query(WAITING_FOR_US)).rows.length > 0, { timeout: 60_000 });
    const names = await sessionNames();
    await client.query('COMMIT');
    await working;
    return names;
  } finally {
    await client.end();
  }
}

describe('a generation', () => {
  it('ends the writers of older ones and drops their tables', async () => {
    await using scene = await prepareScene();
    await using writer = await writeAll(scene.load, scene.chunks, 1);
    const next = await scene.open({ generation: scene.plan.generation + 1 });
    await next.prepare(NEVER);
    await expect(writer.commit(OUTCOME, NEVER)).rejects.toBeInstanceOf(SyncError);
    const tables = await destination.sql(
      `SELECT relname FROM pg_class WHERE relkind = 'r' AND relname LIKE '\\_\\_millrace\\_%'`,
    );
    expect(tables.map(([name]) => name?.split('_').at(-1))).toEqual([String(scene.plan.generation + 1)]);
    await next.discard(NEVER);
  });

  it('cannot be prepared, written or published once a newer one has begun', async () => {
    await using scene = await prepareScene();
    const next = await scene.open({ generation: scene.plan.generation + 1 });
    await next.prepare(NEVER);
    await expect(scene.load.prepare(NEVER)).rejects.toMatchObject({ code: 'FENCE_LOST' });
    await expect(scene.load.beginSegment({ no: 0, token: 9 }, { isolate: false }, NEVER)).rejects.toMatchObject({
      code: 'FENCE_LOST',
    });
    await expect(scene.load.publish({ maxLossPercent: 100 }, NEVER)).rejects.toMatchObject({ code: 'FENCE_LOST' });
    await next.discard(NEVER);
  });

  it('keeps its committed segments when it is prepared again', async () => {
    await using scene = await prepareLoaded();
    await (await scene.open()).prepare(NEVER);
    expect(await scratchCount(scene.plan)).toBe('1000');
  });

  it.each(['postgresql:publish-applied', 'postgresql:publish-fenced'])(
    'leaves the live table as it was when the process dies at %s, and is published by the next',
    async (point) => {
      await copySchema({
        source: source.connector,
        destination: destination.connector,
        schemaId: 'public.items',
        plan: { generation: generation + 1 },
      });
      await using scene = await prepareLoaded();
      const before = await destination.sql(`SELECT 'items'::regclass::oid`);
      const dying = await scene.open({}, (name) => {
        if (name === point) throw new Error('killed');
      });
      await expect(dying.publish({ maxLossPercent: 100 }, NEVER)).rejects.toThrow('killed');
      expect(await destination.sql(`SELECT 'items'::regclass::oid`)).toEqual(before);
      expect(await scene.load.published(NEVER)).toBeNull();
      const counts = await scene.load.publish({ maxLossPercent: 100 }, NEVER);
      expect(counts.inserted).toBe(1000);
      expect(await destination.sql(`SELECT 'items'::regclass::oid`)).not.toEqual(before);
    },
  );

  it('is published by whoever goes on, and ends one that stands between its last statement and COMMIT', async () => {
    await using scene = await prepareLoaded();
    await scene.load.seal(NEVER);
    const frozen = await connectRaw(destination.url);
    const ended = new Promise((resolve) => frozen.on('error', resolve));
    await frozen.query(`UPDATE __millrace.fences SET pid = pg_backend_pid(), backend_start =
      (SELECT backend_start::text FROM pg_stat_activity WHERE pid = pg_backend_pid())`);
    await frozen.query('BEGIN; UPDATE __millrace.fences SET pid = NULL');
    expect((await scene.load.publish({ maxLossPercent: 100 }, NEVER)).inserted).toBe(1000);
    await ended;
  });

  it('is found published where the one before us commits while we wait for it', async () => {
    await using scene = await prepareLoaded();
    await scene.load.seal(NEVER);
    const [[user] = []] = await destination.sql('SELECT current_user');
    const before = await connectRaw(destination.url);
    // As a publisher between its fence and COMMIT.
    const load = [scene.plan.syncId, scene.plan.schemaId, scene.plan.generation];
    await before.query('BEGIN');
    await before.query(
      'INSERT INTO __millrace.publications (sync_id, schema_id, generation, counts) VALUES ($1, $2, $3, $4)',
      [...load, JSON.stringify({ inserted: 7 })],
    );
    await before.query(
      'UPDATE __millrace.fences SET pid = NULL WHERE sync_id = $1 AND schema_id = $2 AND generation = $3',
      load,
    );
    const published = scene.load.publish({ maxLossPercent: 100 }, NEVER);
    const waiting = `SELECT count(*)::int FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'UPDATE __millrace.fences%' AND usename = '${user}' AND datname = current_database()`;
    await expect.poll(async () => (await destination.sql(waiting))[0]?.[0]).toBe('1');
    await before.query('COMMIT');
    await before.end();
    expect(await published).toEqual({ inserted: 7 });
    // Nobody who comes later ends our session for it.
    expect(await destination.sql('SELECT pid FROM __millrace.fences')).toEqual([[null]]);
    expect(await destination.sql(`SELECT to_regclass('items')`)).toEqual([[null]]);
    await scene.load.discard(NEVER);
  });

  it('is no publication of an owner whose fence was taken from it', async () => {
    await using scene = await prepareLoaded();
    await scene.load.seal(NEVER);
    const newer = await connectRaw(destination.url);
    // Everything but its row and its fence is done by then.
    await newer.query('BEGIN; LOCK TABLE __millrace.publications IN EXCLUSIVE MODE');
    const publishing = scene.load.publish({ maxLossPercent: 100 }, NEVER);
    const refused = expect(publishing).rejects.toMatchObject({ code: 'FENCE_LOST' });
    const waits = `SELECT count(*)::int FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'INSERT INTO __millrace.publications%' AND datname = current_database()`;
    await expect.poll(async () => (await destination.sql(waits))[0]?.[0]).toBe('1');
    await newer.query('UPDATE __millrace.fences SET pid = 1; COMMIT');
    await newer.end();
    await refused;
    expect(await scene.load.published(NEVER)).toBeNull();
    expect(await destination.sql('SELECT count(*) FROM __millrace.publications')).toEqual([['0']]);
    expect((await scene.load.publish({ maxLossPercent: 100 }, NEVER)).inserted).toBe(1000);
  });

  it('is found published when the process dies behind COMMIT', async () => {
    await using scene = await prepareLoaded();
    const dying = await scene.open({}, (name) => {
      if (name === 'postgresql:publish-committed') throw new Error('killed');
    });
    await expect(dying.publish({ maxLossPercent: 100 }, NEVER)).rejects.toThrow('killed');
    await scene.load.prepare(NEVER);
    expect(await scene.load.published(NEVER)).toMatchObject({ inserted: 1000 });
    await scene.load.seal(NEVER);
    expect(await scene.load.digest(null, true, NEVER)).toEqual({ records: 1000, sum: null });
    await scene.load.discard(NEVER);
    expect(
      await destination.sql(`SELECT relname FROM pg_class WHERE relkind = 'r' AND relname LIKE '\\_\\_millrace\\_%'`),
    ).toEqual([]);
  });
});
