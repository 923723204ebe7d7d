import pg from 'pg';
import { beforeEach, describe, expect, it } from 'vitest';
import { useCopies } from '../../../../tests/setup/postgresql-copies.ts';

// What people hang on a destination table is theirs: it is the same before and after every kind of load.

const SOURCE = `
  CREATE TABLE people (id int PRIMARY KEY, name text, age int);
  INSERT INTO people SELECT i, 'name ' || i, i FROM generate_series(1, 20) i`;
const { copy, destination, source } = useCopies('public.people', SOURCE, { tombstones: true });

beforeEach(async () => {
  await destination.sql('DROP PUBLICATION IF EXISTS downstream');
});

/** Everything of an ordinary kind that can hang on a table, by what makes it. */
const OBJECTS = {
  view: 'CREATE VIEW adults AS SELECT id, name FROM people WHERE age >= 18',
  'materialized view': 'CREATE MATERIALIZED VIEW ages AS SELECT age, count(*) FROM people GROUP BY age',
  grants: 'GRANT SELECT ON people TO PUBLIC; GRANT UPDATE (name) ON people TO PUBLIC',
  'foreign key': 'CREATE TABLE orders (person int REFERENCES people); INSERT INTO orders VALUES (3)',
  'row-level security':
    'ALTER TABLE people ENABLE ROW LEVEL SECURITY; CREATE POLICY mine ON people FOR SELECT USING (age < 10)',
  publication: 'CREATE PUBLICATION downstream FOR TABLE people',
  comments: `COMMENT ON TABLE people IS 'who'; COMMENT ON COLUMN people.name IS 'how they are called'`,
  indexes: 'CREATE INDEX by_name ON people (lower(name)); CREATE UNIQUE INDEX by_age ON people (age)',
  trigger: `CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
    CREATE TRIGGER watched BEFORE INSERT OR UPDATE ON people FOR EACH ROW EXECUTE FUNCTION nothing()`,
  constraint: 'ALTER TABLE people ADD CONSTRAINT grown CHECK (age > 0)',
  'extended statistics': 'CREATE STATISTICS correlated ON id, age FROM people',
  settings: 'ALTER TABLE people SET (fillfactor = 70), REPLICA IDENTITY FULL',
  column: `ALTER TABLE people ADD COLUMN note text NOT NULL DEFAULT 'none'`,
  'child table': 'CREATE TABLE retired (pension int) INHERITS (people)',
} as const;

/** The catalogue's own words for all of it. The table's number shows whether it is still the same one. */
const FINGERPRINT = `
  SELECT 'table', c.oid::text, c.relacl::text, c.relrowsecurity::text, c.relreplident::text, c.reloptions::text, r.rolname::text
    FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner WHERE c.oid = 'people'::regclass
  UNION ALL SELECT 'column', attname::text, attacl::text, attnotnull::text, col_description(attrelid, attnum), format_type(atttypid, atttypmod), NULL
    FROM pg_attribute WHERE attrelid = 'people'::regclass AND attnum > 0 AND NOT attisdropped
  UNION ALL SELECT 'view', c.relname::text, pg_get_viewdef(c.oid), c.relkind::text, NULL, NULL, NULL FROM pg_class c WHERE relkind IN ('v', 'm') AND relnamespace = 'public'::regnamespace
  UNION ALL SELECT 'constraint', conname::text, pg_get_constraintdef(oid), conrelid::regclass::text, convalidated::text, NULL, NULL FROM pg_constraint
    WHERE 'people'::regclass IN (conrelid, confrelid) AND contype <> 'n'
  UNION ALL SELECT 'policy', polname::text, pg_get_expr(polqual, polrelid), polcmd::text, NULL, NULL, NULL FROM pg_policy WHERE polrelid = 'people'::regclass
  UNION ALL SELECT 'publication', p.pubname::text, NULL, NULL, NULL, NULL, NULL FROM pg_publication_rel r JOIN pg_publication p ON p.oid = r.prpubid WHERE prrelid = 'people'::regclass
  UNION ALL SELECT 'comment', description, NULL, NULL, NULL, NULL, NULL FROM pg_description WHERE objoid = 'people'::regclass AND objsubid = 0
  UNION ALL SELECT 'index', indexname::text, indexdef, NULL, NULL, NULL, NULL FROM pg_indexes WHERE tablename = 'people'
  UNION ALL SELECT 'trigger', tgname::text, pg_get_triggerdef(oid), tgenabled::text, NULL, NULL, NULL FROM pg_trigger WHERE tgrelid = 'people'::regclass AND NOT tgisinternal
  UNION ALL SELECT 'statistics', stxname::text, pg_get_statisticsobjdef(oid), NULL, NULL, NULL, NULL FROM pg_statistic_ext WHERE stxrelid = 'people'::regclass
  UNION ALL SELECT 'child', inhrelid::regclass::text, NULL, NULL, NULL, NULL, NULL FROM pg_inherits WHERE inhparent = 'people'::regclass
  ORDER BY 1, 2`;

const LOADS = {
  merge: { kind: 'merge' },
  delta: { kind: 'delta' },
  snapshot: { kind: 'replace', tombstones: false },
  'in place': { kind: 'replace', replacement: 'in_place' },
} as const;

const IMAGE = 'SELECT id, name, age FROM ONLY people';

async function changeSource(): Promise<void> {
  await source.sql(`UPDATE people SET name = 'new' WHERE id = 3; INSERT INTO people VALUES (21, 'late', 21)`);
}

async function expectSource(): Promise<void> {
  const alive = `${IMAGE} WHERE to_jsonb(people)->>'__millrace_deleted_at' IS NULL ORDER BY id`;
  expect(await destination.sql(alive)).toEqual(await source.sql(`${IMAGE} ORDER BY id`));
}

/** Without the table's number. */
function withoutNumber(rows: (string | null)[][]): (string | null)[][] {
  return rows.map((row) => (row[0] === 'table' ? row.toSpliced(1, 1) : row));
}

const EVERYTHING = Object.entries(OBJECTS);
/** A table that others point to is written in another way. */
const UNREFERENCED = EVERYTHING.filter(([name]) => name !== 'foreign key');

describe('what hangs on a table', () => {
  it.each(EVERYTHING)('survives its replacement: %s', async (name, make) => {
    await copy();
    await destination.sql(make);
    const before = await destination.sql(FINGERPRINT);
    await changeSource();
    const { found, expected, rejects } = await copy();
    expect(rejects).toEqual([]);
    expect(found).toEqual(expected);
    await expectSource();
    const after = await destination.sql(FINGERPRINT);
    // Grants alone do not keep a table from being exchanged: they go over to the new one.
    if (name === 'grants') expect(withoutNumber(after)).toEqual(withoutNumber(before));
    else expect(after).toEqual(before);
  });

  it.each(
    Object.entries(LOADS).flatMap(([name, plan]) => [
      [name, 'a referenced', plan, EVERYTHING] as const,
      [name, 'an unreferenced', plan, UNREFERENCED] as const,
    ]),
  )('survives a load: %s into %s table', async (_name, _table, plan, objects) => {
    await copy({ plan: { kind: 'merge', tombstones: plan !== LOADS.snapshot } });
    for (const [, make] of objects) await destination.sql(make);
    const before = await destination.sql(FINGERPRINT);
    await changeSource();
    const { found, expected, rejects } = await copy({ plan });
    expect(rejects).toEqual([]);
    expect(found).toEqual(expected);
    await expectSource();
    expect(await destination.sql(FINGERPRINT)).toEqual(before);
  });

  it.each(['merge', 'replace'] as const)('survives an adoption by a %s', async (kind) => {
    await destination.sql('CREATE TABLE people (id int PRIMARY KEY, name varchar(40) NOT NULL, age int)');
    await destination.sql(`INSERT INTO people VALUES (3, 'old', 3), (99, 'gone', 99)`);
    for (const [, make] of kind === 'merge' ? EVERYTHING : UNREFERENCED) await destination.sql(make);
    const before = await destination.sql(FINGERPRINT);
    const { found, expected, rejects } = await copy({ plan: { kind, adopt: true } });
    expect(rejects).toEqual([]);
    expect(found).toEqual(expected);
    await expectSource();
    const after = await destination.sql(FINGERPRINT);
    expect(after.filter(([, name]) => !name?.startsWith('__millrace_'))).toEqual(before);
  });
});

describe('a reader that holds the table for long', () => {
  it.each(['exchange', 'fill', 'alter'] as const)('delays us, and keeps nobody else waiting (%s)', async (way) => {
    await copy({ plan: { kind: 'merge' } });
    if (way === 'fill') await destination.sql(OBJECTS.view);
    if (way === 'alter') await source.sql('ALTER TABLE people ALTER age TYPE bigint');
    await changeSource();
    const reader = new pg.Client(destination.url);
    await reader.connect();
    try {
      await reader.query('BEGIN; SELECT FROM people');
      const copied = copy({ plan: { kind: way === 'alter' ? 'merge' : 'replace' } });
      await expect
        .poll(
          () =>
            destination.sql(
              `SELECT count(*) FROM pg_locks WHERE NOT granted AND mode = 'AccessExclusiveLock' AND relation = 'people'::regclass`,
            ),
          { interval: 20 },
        )
        .toEqual([['1']]);
      // Behind somebody who waits ten seconds, this one would give up.
      await destination.sql(`SET lock_timeout = '5s'; SELECT FROM people`);
      await reader.query('COMMIT');
      expect((await copied).rejects).toEqual([]);
    } finally {
      await reader.end();
    }
    await expectSource();
  });
});

describe('a column that the database fills itself', () => {
  const IDENTITY = 'CREATE TABLE people (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text, age int)';
  const COMPUTED = 'CREATE TABLE people (id int PRIMARY KEY, name text, age int GENERATED ALWAYS AS (id) STORED)';

  it.each([
    ['an identity', IDENTITY, 'id', 'ALTER TABLE people ALTER COLUMN id SET GENERATED BY DEFAULT'],
    ['a computed value', COMPUTED, 'age', 'ALTER TABLE people ALTER COLUMN age DROP EXPRESSION'],
  ])(
    'is named before anything is read where it is %s, and written once it takes values',
    async (_, sql, column, mend) => {
      await destination.sql(sql);
      for (const plan of [{ kind: 'merge' }, { kind: 'replace', tombstones: false }] as const) {
        const error = {
          code: 'TABLE_DIFFERS',
          detail: { column },
          message: expect.stringContaining('GENERATED ALWAYS'),
        };
        await expect(copy({ plan: { ...plan, adopt: true } })).rejects.toMatchObject(error);
      }
      await destination.sql(mend);
      await copy({ plan: { kind: 'merge', adopt: true } });
      await changeSource();
      await copy({ plan: { kind: 'merge', adopt: true } });
      await expectSource();
    },
  );
});
