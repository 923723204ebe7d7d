import pg from 'pg';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { queryDatabase, WAITING_FOR_US } from '../../../../tests/setup/databases.ts';
import { useCopies } from '../../../../tests/setup/postgresql-copies.ts';
import { type Copy, connectDatabase, NEVER, openLoad, planCopy } from '../../../../tests/setup/postgresql-loads.ts';
import type { Connector, LoadPlan } from '../../../connector-kit/index.ts';

const SOURCE = `
  CREATE TABLE people (id int PRIMARY KEY, name text, age int);
  INSERT INTO people SELECT i, 'name ' || i, i FROM generate_series(1, 20) i`;
const { copy, destination, source } = useCopies('public.people', SOURCE, { tombstones: true });

const FORCE = 'ALTER TABLE people ENABLE ROW LEVEL SECURITY; ALTER TABLE people FORCE ROW LEVEL SECURITY';

const RESTRICT = 'CREATE POLICY young ON people AS RESTRICTIVE USING (age < 10)';

const UNFORCE = 'ALTER TABLE "public"."people" NO FORCE ROW LEVEL SECURITY';

/** What binds the table's owner once it is forced. */
const BINDING = {
  'no policy': '',
  'one that hides records': 'CREATE POLICY young ON people USING (age < 10) WITH CHECK (true)',
  'one that refuses records': 'CREATE POLICY young ON people USING (true) WITH CHECK (age < 10)',
  'one that lets nothing be deleted': `CREATE POLICY a ON people FOR SELECT USING (true);
    CREATE POLICY b ON people FOR INSERT WITH CHECK (true); CREATE POLICY c ON people FOR UPDATE USING (true)`,
  'one that takes away from all': `CREATE POLICY everything ON people USING (true);
    CREATE POLICY young ON people AS RESTRICTIVE USING (age < 10) WITH CHECK (true)`,
  'one for others': 'CREATE POLICY everything ON people TO pg_monitor USING (true)',
} as const;

/** What shows and takes everything. */
const OPEN = {
  'one for everything': 'CREATE POLICY everything ON people USING (true)',
  'one for each command': `CREATE POLICY a ON people FOR SELECT USING (true); CREATE POLICY b ON people FOR INSERT WITH CHECK (true);
    CREATE POLICY c ON people FOR UPDATE USING (true); CREATE POLICY d ON people FOR DELETE TO CURRENT_USER USING (true)`,
  'a narrow one beside it': `CREATE POLICY everything ON people USING (true) WITH CHECK (true);
    CREATE POLICY young ON people USING (age < 10); CREATE POLICY strict ON people AS RESTRICTIVE TO pg_monitor USING (false)`,
} as const;

const LOADS: Readonly<Record<string, Partial<LoadPlan>>> = {
  'a merge with tombstones': { kind: 'merge' },
  'a merge that deletes': { kind: 'merge', tombstones: false },
  'a delta': { kind: 'delta' },
  'a replacement': { kind: 'replace', tombstones: false },
  'a replacement in place': { kind: 'replace', replacement: 'in_place' },
};

const whole = (sql: string) => queryDatabase(destination.superuserUrl, sql);
const IMAGE = 'SELECT * FROM people ORDER BY id';

/** What each load changes: one new record, one changed, one gone. */
const changeSource = () =>
  source.sql(
    `INSERT INTO people VALUES (21, 'late', 21); UPDATE people SET name = 'new' WHERE id = 15; DELETE FROM people WHERE id = 16`,
  );

async function planOf(plan: Partial<LoadPlan>): Promise<LoadPlan> {
  const given = { schemaId: 'public.people', source: source.connector, destination: destination.connector };
  const bulk = source.connector.source ?? expect.unreachable('it is a source');
  await using snapshot = await bulk.openSnapshot(NEVER);
  return (await planCopy({ ...given, plan: { generation: 1_000, ...plan } } satisfies Copy, snapshot)).plan;
}

/** The refusals of a plan. */
async function foresee(plan: Partial<LoadPlan>) {
  const target = destination.connector.destination ?? expect.unreachable('it is a destination');
  const planned = await planOf(plan);
  return (await target.preview(planned, await target.inspect(planned.table, NEVER), NEVER)).refusals;
}

/** A connector whose user has an isolation of its own in this database. */
async function connectWith(isolation: string): Promise<Connector> {
  const { username, pathname } = new URL(destination.url);
  const settings = `ALTER ROLE "${username}" IN DATABASE ${pathname.slice(1)}`;
  await destination.sql(`${settings} SET default_transaction_isolation = '${isolation}'`);
  onTestFinished(async () => void (await destination.sql(`${settings} RESET default_transaction_isolation`)));
  return connectDatabase(destination.url);
}

const refusal = (statement: string) => ({
  code: 'CONN_PRIVILEGE_MISSING',
  message: expect.stringContaining(`Run ${statement}, then start again.`),
});

describe('a table whose row-level security binds us', () => {
  it.each(Object.entries(BINDING))('is left as it is by every load, and by a preview: %s', async (_name, policies) => {
    await copy({ plan: { kind: 'merge' } });
    await destination.sql(`${FORCE}; ${policies}`);
    await changeSource();
    const before = await whole(IMAGE);
    expect(before).toHaveLength(20);
    for (const plan of Object.values(LOADS)) {
      await expect(copy({ plan })).rejects.toMatchObject(refusal(UNFORCE));
      expect(await foresee(plan)).toContainEqual(refusal(UNFORCE));
      expect(await whole(IMAGE)).toEqual(before);
    }
    const target = destination.connector.destination ?? expect.unreachable('it is a destination');
    await expect(target.openImage?.(await planOf({ kind: 'merge' }), NEVER)).rejects.toMatchObject(refusal(UNFORCE));
    await destination.sql(UNFORCE);
    const { found, expected } = await copy({ plan: { kind: 'merge' } });
    expect(found).toEqual(expected);
  });

  it.each([
    ['that', 'read committed', '', FORCE],
    ['a policy', 'repeatable read', `${FORCE}; ${OPEN['one for everything']}`, RESTRICT],
  ])(
    'is left as it is when %s is committed while its publication waits for the table, for a role with %s',
    async (_what, isolation, first, then) => {
      await copy({ plan: { kind: 'merge' } });
      await destination.sql(first);
      const before = await whole(IMAGE);
      await changeSource();
      const plan = await planOf({ kind: 'merge', generation: 1_002 });
      await using connector = await connectWith(isolation);
      await using load = await openLoad(connector, plan);
      await load.prepare(NEVER);
      await load.seal(NEVER);
      const other = new pg.Client(destination.url);
      await other.connect();
      await other.query(`BEGIN; ${then}`);
      const refused = expect(load.publish({ maxLossPercent: 100 }, NEVER)).rejects.toMatchObject(refusal(UNFORCE));
      await vi.waitUntil(async () => (await other.query(WAITING_FOR_US)).rows.length > 0, { timeout: 60_000 });
      await other.query('COMMIT');
      await other.end();
      await refused;
      expect(await whole(IMAGE)).toEqual(before);
    },
  );

  it('is left as it is when that comes while it is loaded', async () => {
    await copy({ plan: { kind: 'merge' } });
    const before = await whole(IMAGE);
    await changeSource();
    for (const kind of ['merge', 'replace'] as const) {
      const plan = await planOf({ kind, generation: kind === 'merge' ? 1_000 : 1_001 });
      await using load = await openLoad(destination.connector, plan);
      await load.prepare(NEVER);
      await destination.sql(FORCE);
      await load.seal(NEVER);
      await expect(load.publish({ maxLossPercent: 100 }, NEVER)).rejects.toMatchObject(refusal(UNFORCE));
      expect(await whole(IMAGE)).toEqual(before);
      await destination.sql(UNFORCE);
    }
  });

  it.each([
    ['with a policy', '', /^Run (CREATE POLICY millrace .*), then start again\.$/],
    ['by who may', RESTRICT, /^Run (ALTER ROLE "[^"]+" BYPASSRLS), then start again\.$/],
  ])('is mended %s where it is somebody else’s', async (_how, policies, statement) => {
    await whole(`CREATE TABLE people (id int PRIMARY KEY, name text, age int); GRANT ALL ON people TO PUBLIC;
      ALTER TABLE people ENABLE ROW LEVEL SECURITY; ${policies}`);
    const adopt = () => copy({ plan: { kind: 'merge', adopt: true, recordTimestamps: false, tombstones: false } });
    const error = await adopt().catch((thrown: Error) => thrown);
    const [, mend = ''] = statement.exec(/Run .*$/.exec(String((error as Error).message))?.[0] ?? '') ?? [];
    expect(mend).not.toBe('');
    // The role is that of all tests.
    if (mend.startsWith('ALTER ROLE')) return;
    await whole(mend);
    const { found, expected } = await adopt();
    expect(found).toEqual(expected);
    expect(await whole('SELECT count(*) FROM people')).toEqual([['20']]);
  });
});

describe('a table whose policies show and take everything', () => {
  it.each(
    Object.entries(OPEN).flatMap(([policy, make]) =>
      Object.entries(LOADS).map(([load, plan]) => [load, policy, make, plan] as const),
    ),
  )('is written by %s as any other: %s', async (_load, _policy, make, plan) => {
    await copy({ plan: { kind: 'merge', tombstones: plan.tombstones ?? true } });
    await destination.sql(`${FORCE}; ${make}`);
    await changeSource();
    expect(await foresee(plan)).toEqual([]);
    const { found, expected, rejects } = await copy({ plan });
    expect(rejects).toEqual([]);
    expect(found).toEqual(expected);
    const columns = `SELECT id, name, age FROM people`;
    const alive = await whole(`${columns} WHERE to_jsonb(people)->>'__millrace_deleted_at' IS NULL ORDER BY id`);
    const gone = plan.kind === 'delta' ? ` UNION ALL VALUES (16, 'name 16', 16)` : '';
    expect(alive).toEqual(await queryDatabase(source.superuserUrl, `${columns}${gone} ORDER BY id`));
  });

  it('is bound no more when nobody forces it on its owner', async () => {
    await copy({ plan: { kind: 'merge' } });
    await destination.sql('ALTER TABLE people ENABLE ROW LEVEL SECURITY');
    expect(await foresee({ kind: 'merge' })).toEqual([]);
  });
});
