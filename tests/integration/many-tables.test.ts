import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { BulkSyncBody } from '../../src/contract/index.ts';
import { queryDatabase } from '../setup/databases.ts';
import { Gate } from '../setup/gate.ts';
import { useFailingServer, useSyncScene } from '../setup/hooks.ts';
import { waitFor } from '../setup/millrace.ts';
import { type Ended, untilEnded } from '../setup/syncs.ts';

// So many small tables that they are worked on together, and everything that may go wrong with one or with all of them.

const TABLES = 21;
const RECORDS = 200;
/** Of one session; behind everything that planning reads, and far before the end of all tables. */
const IN_THE_MIDDLE = 1_000_000;
const NAMES = Array.from({ length: TABLES }, (_, number) => `t_${number}`);
const IDS = NAMES.map((name) => `public.${name}`);

const SOURCE = `${NAMES.map(
  (name) => `CREATE TABLE ${name} (id int PRIMARY KEY, amount numeric(12,2), note text);
    INSERT INTO ${name} SELECT i, i / 4.0, '${name} ' || repeat(md5(i::text), 10) FROM generate_series(1, ${RECORDS}) i`,
).join('; ')}; ANALYZE`;

const { server, failAt, recover } = useFailingServer();
const scene = useSyncScene(server, SOURCE);

/** Starts, waits until the server has died at its failpoint, and follows the execution on the next one. */
async function runThroughCrash(sync: BulkSyncBody): Promise<Ended> {
  const { id } = await server.client.startBulkSync(sync.id, {}, scene.signal);
  await recover();
  return untilEnded(server, sync.id, id, scene.signal);
}

const unionOf = (schema: string, columns: string) =>
  NAMES.map((name) => `SELECT '${name}' AS name, ${columns} FROM ${schema}.${name}`).join(' UNION ALL ');

/** Every record of every table, as one line. */
const imageOf = (schema: string) =>
  `SELECT name, count(*)::int, md5(string_agg(id || '|' || amount || '|' || note, ',' ORDER BY id))
   FROM (${unionOf(schema, 'id, amount, note')}) r GROUP BY 1 ORDER BY 1`;

/** Nothing was lost or doubled, every table is proved, and nothing is left aside. */
async function expectEqual({ execution, receipt }: Ended): Promise<void> {
  expect([execution.status, execution.status_message, receipt?.verdict]).toEqual(['completed', undefined, 'equal']);
  expect(await scene.inDestination(imageOf('landing'))).toEqual(await scene.inSource(imageOf('public')));
  expect(await scene.tables()).toEqual(IDS.map((id) => id.replace('public', 'landing')).sort());
  expect(await scene.inDestination('SELECT count(*)::int FROM __millrace.segments')).toEqual([[0]]);
}

/** Transactions of the destination in which its tables got their names. */
async function countPublications(): Promise<unknown> {
  const [[count] = []] = await scene.inDestination(
    `SELECT count(DISTINCT xmin::text)::int FROM pg_class WHERE relnamespace = 'landing'::regnamespace AND relkind = 'r'`,
  );
  return count;
}

const countsOf = ({ receipt }: Ended, id: string) =>
  receipt?.schemas.find((candidate) => candidate.schema === id)?.counts;

const inMetadata = (sql: string) => queryDatabase(server.metadata.url, sql);

describe('many small tables', () => {
  it('are loaded and published together, each with its own proof, and then found unchanged', async () => {
    const sync = await scene.make(IDS);
    const first = await scene.run(sync.id);
    await expectEqual(first);
    expect(await countPublications()).toBe(1);
    expect(countsOf(first, 'public.t_7')).toEqual({ read: 200, written: 200, unchanged: 0, deleted: 0, rejected: 0 });
    const times = first.execution.schemas.map(({ started_at: from, completed_at: to }) => [from, to]);
    expect(times.every(([from, to]) => from && to && from <= to)).toBe(true);
    const second = await scene.run(sync.id);
    await expectEqual(second);
    expect(second.receipt?.schemas.every(({ load, counts }) => load === 'merge' && counts.unchanged === 200)).toBe(
      true,
    );
    // Nothing was written: the records are those of the first time.
    expect(await countPublications()).toBe(1);
    const stamps = `SELECT count(DISTINCT at)::int FROM (${unionOf('landing', '__millrace_updated_at AS at')}) r`;
    expect(await scene.inDestination(stamps)).toEqual([[1]]);
  });

  it('have the defaults, keys and tombstones of tables that are loaded one by one', async () => {
    const describe = `
      SELECT a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, pg_get_expr(d.adbin, d.adrelid), pg_get_constraintdef(k.oid), k.conname = c.relname || '_pkey'
      FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
      LEFT JOIN pg_constraint k ON k.conrelid = c.oid AND k.contype = 'p'
      WHERE c.oid = $$landing.t_1$$::regclass ORDER BY a.attnum`;
    const alone = await scene.make(['public.t_1']);
    await scene.run(alone.id);
    const expected = await scene.inDestination(describe);
    await server.client.deleteBulkSync(alone.id, scene.signal);
    await scene.inDestination('DROP SCHEMA landing CASCADE; DROP SCHEMA __millrace CASCADE');
    await scene.run((await scene.make(IDS)).id);
    expect(await scene.inDestination(describe)).toEqual(expected);
  });

  it('do not suffer from those among them that cannot go on', async () => {
    const sync = await scene.make(IDS);
    await scene.run(sync.id);
    await scene.inDestination(`ALTER TABLE landing.t_3 ADD CHECK (amount < 1000); DROP TABLE landing.t_5;
      DROP TABLE landing.t_7; CREATE VIEW landing.t_7 AS SELECT 1 AS id`);
    await scene.inSource(`UPDATE t_3 SET amount = 1000 WHERE id = 1; UPDATE t_4 SET note = 'changed' WHERE id = 2;
      DELETE FROM t_6 WHERE id > 10`);
    const ended = await scene.run(sync.id);
    const unlike = ended.execution.schemas.filter(
      ({ status, error_count: errors }) => status !== 'completed' || errors,
    );
    expect(ended.execution.status).toBe('errors');
    expect(Object.fromEntries(unlike.map(({ schema, status }) => [schema, status]))).toEqual({
      'public.t_3': 'completed',
      'public.t_6': 'failed',
      'public.t_7': 'failed',
    });
    const messages = Object.fromEntries(unlike.map(({ schema, status_message: message }) => [schema, message]));
    expect(messages['public.t_6']).toContain('max_loss_percent');
    expect(messages['public.t_7']).toContain('is a view');
    expect(countsOf(ended, 'public.t_3')).toMatchObject({ unchanged: 199, rejected: 1 });
    expect(countsOf(ended, 'public.t_4')).toMatchObject({ written: 1, unchanged: 199 });
    expect(countsOf(ended, 'public.t_5')).toMatchObject({ written: 200 });
    expect(countsOf(ended, 'public.t_8')).toMatchObject({ unchanged: 200 });
    expect(await scene.inDestination('SELECT count(*)::int FROM landing.t_6')).toEqual([[200]]);
  });
});

describe.each(['pack-written', 'pack-committed', 'pack-published', 'pack-completed'])(
  'many small tables, when the server dies at %s',
  (point) => {
    let sync: BulkSyncBody;

    beforeEach(async () => {
      sync = await scene.make(IDS);
      await failAt(`${point}=exit`);
    });

    it('are loaded once', async () => {
      await expectEqual(await runThroughCrash(sync));
    });
  },
);

describe.each(['pack-entered', 'pack-published'])(
  'many small tables that are compared, when the server dies at %s',
  (point) => {
    let sync: BulkSyncBody;

    beforeEach(async () => {
      sync = await scene.make(IDS);
      await scene.run(sync.id);
      await scene.inSource(`UPDATE t_1 SET note = 'changed' WHERE id = 5; INSERT INTO t_2 VALUES (0, 0, 'new')`);
      await failAt(`${point}=exit`);
    });

    it('are merged once', async () => {
      const ended = await runThroughCrash(sync);
      await expectEqual(ended);
      expect(countsOf(ended, 'public.t_1')).toMatchObject({ written: 1, unchanged: 199 });
    });
  },
);

describe.each(['pack-written', 'pack-published'])('many small tables that fail together at %s', (point) => {
  beforeEach(() => failAt(`${point}=fail`));

  it('are worked on one by one', async () => {
    const ended = await scene.run((await scene.make(IDS)).id);
    await expectEqual(ended);
    expect(countsOf(ended, 'public.t_7')).toMatchObject({ read: 200, written: 200 });
  });
});

describe('a cancel in the middle of many small tables', () => {
  let gate: Gate;

  beforeEach(async () => {
    gate = await Gate.open(scene.source.ownerUrl);
  });

  afterEach(() => gate[Symbol.asyncDispose]());

  /** Starts, and waits until the tables' reader stands still. */
  async function startHeld(): Promise<{ readonly syncId: string; readonly id: string }> {
    const sync = await scene.make(IDS, {}, { source: gate.through(scene.source.ownerUrl) });
    gate.holdEach(IN_THE_MIDDLE);
    const { id } = await server.client.startBulkSync(sync.id, {}, scene.signal);
    await waitFor(async () => {
      const [[running] = []] = await inMetadata(
        `SELECT count(*)::int FROM execution_schemas WHERE execution_id = '${id}' AND status = 'running'`,
      );
      return running === TABLES ? true : null;
    }, scene.signal);
    await gate.held;
    return { syncId: sync.id, id };
  }

  it('leaves nothing of them behind', async () => {
    const { syncId, id } = await startHeld();
    await scene.send('POST', `/api/bulk/syncs/${syncId}/cancel`);
    // The source still sends nothing: only the cancel can end it.
    const { execution } = await untilEnded(server, syncId, id, scene.signal);
    expect([execution.status, new Set(execution.schemas.map(({ status }) => status))]).toEqual([
      'canceled',
      new Set(['canceled']),
    ]);
    expect(await scene.tables()).toEqual([]);
    gate.release();
    await expectEqual(await scene.run(syncId));
  });

  it('of one schema lets the others land', async () => {
    const { syncId, id } = await startHeld();
    await scene.send('POST', `/api/bulk/syncs/${syncId}/schemas/public.t_3/cancel`);
    await waitFor(async () => {
      const [[again] = []] = await inMetadata(
        `SELECT count(*)::int FROM segments WHERE execution_id = '${id}' AND no = 0 AND token > 1`,
      );
      return Number(again) > 0 ? true : null;
    }, scene.signal);
    gate.release();
    const { execution } = await untilEnded(server, syncId, id, scene.signal);
    const others = execution.schemas.filter(({ status }) => status !== 'completed');
    expect(others.map(({ schema, status }) => [schema, status])).toEqual([['public.t_3', 'canceled']]);
    expect(await scene.tables()).toHaveLength(TABLES - 1);
  });
});
