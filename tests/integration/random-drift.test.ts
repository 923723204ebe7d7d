import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Connector, LoadPlan } from '../../src/connector-kit/index.ts';
import { SyncError } from '../../src/core/index.ts';
import { connectFile, createFilesRoot, queryFile } from '../setup/duckdb/duckdb-loads.ts';
import { type Copied, copySchema, openSide, type Side } from '../setup/postgresql-loads.ts';

// A table that changes at random between two loads: the second one brings the destination to the source's image, with the
// old records' values, or is refused in so many words and changes nothing.

/** Set `SEED` to look elsewhere and `DRIFT_RUNS` to look longer. */
const RUNS = { numRuns: Number(process.env.DRIFT_RUNS ?? 10), seed: Number(process.env.SEED ?? 7), endOnFailure: true };
const LIMIT_MS = 30_000 + 15_000 * RUNS.numRuns;

const TYPES = [
  ...['smallint', 'integer', 'bigint', 'numeric(8,2)', 'numeric(10,4)', 'numeric(6,1)', 'numeric', 'real'],
  ...['double precision', 'text', 'varchar(6)', 'varchar(20)', 'boolean', 'date', 'timestamp', 'timestamptz', 'uuid'],
] as const;
const COLUMNS = ['a', 'b', 'c'] as const;

type Change =
  | { readonly do: 'retype'; readonly column: string; readonly type: string }
  | { readonly do: 'drop' | 'rename' | 'touch'; readonly column: string }
  | { readonly do: 'add'; readonly type: string }
  | { readonly do: 'delete' | 'insert'; readonly id: number }
  | { readonly do: 'key'; readonly key: string };

interface Story {
  readonly types: readonly string[];
  readonly changes: readonly Change[];
  /** How the second load is made, unless the key has changed. */
  readonly way: Partial<Pick<LoadPlan, 'kind' | 'replacement'>>;
}

const column = fc.constantFrom(...COLUMNS);
const type = fc.constantFrom(...TYPES);
const change: fc.Arbitrary<Change> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ do: fc.constant('retype' as const), column, type }) },
  fc.record({ do: fc.constantFrom('drop', 'rename', 'touch'), column }),
  fc.record({ do: fc.constant('add' as const), type }),
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('delete', 'insert'), id: fc.integer({ min: 1, max: 12 }) }) },
  fc.record({ do: fc.constant('key' as const), key: fc.constantFrom('code', 'id, code') }),
);
const stories: fc.Arbitrary<Story> = fc.record({
  types: fc.tuple(type, type, type),
  changes: fc.array(change, { minLength: 1, maxLength: 6 }),
  way: fc.constantFrom(
    { kind: 'merge' as const },
    { kind: 'replace' as const },
    { kind: 'replace' as const, replacement: 'in_place' as const },
  ),
});

let source: Side;
let generation = 0;

beforeAll(async () => {
  source = await openSide();
  await source.sql(`SET TimeZone = 'UTC'`);
});
afterAll(() => source[Symbol.asyncDispose]());

/** A value that many types can hold, so that not every change of type is refused. */
function toValue(type: string, seed: number): string {
  if (/^(date|timestamp)/.test(type)) return `'2024-01-${10 + seed}'`;
  if (type === 'uuid') return `'00000000-0000-4000-8000-0000000000${10 + seed}'`;
  if (type === 'boolean') return seed % 2 === 0 ? 'true' : 'false';
  if (/^(numeric\(|double|real)/.test(type)) return `${seed}.5`;
  return `'${seed}'`;
}

async function makeSource({ types }: Story): Promise<void> {
  const definitions = COLUMNS.map((name, i) => `${name} ${types[i]}`).join(', ');
  await source.sql('DROP TABLE IF EXISTS moving');
  await source.sql(`CREATE TABLE moving (id int PRIMARY KEY, code text NOT NULL, ${definitions})`);
  for (let id = 1; id <= 8; id += 1) {
    const values = types.map((type, i) => ((id + i) % 5 === 0 ? 'NULL' : toValue(type, id + i)));
    await source.sql(`INSERT INTO moving VALUES (${id}, 'k${id}', ${values.join(', ')})`);
  }
}

function toSql(change: Change, no: number): string {
  switch (change.do) {
    case 'retype':
      return `ALTER TABLE moving ALTER ${change.column} TYPE ${change.type} USING ${change.column}::text::${change.type}`;
    case 'drop':
      return `ALTER TABLE moving DROP COLUMN ${change.column}`;
    case 'rename':
      return `ALTER TABLE moving RENAME ${change.column} TO renamed_${change.column}`;
    case 'touch':
      return `UPDATE moving SET ${change.column} = NULL WHERE id IN (2, 3)`;
    case 'add':
      return `ALTER TABLE moving ADD COLUMN added_${no} ${change.type} DEFAULT ${toValue(change.type, no)}`;
    case 'delete':
      return `DELETE FROM moving WHERE id = ${change.id}`;
    case 'insert':
      return `INSERT INTO moving (id, code) VALUES (${change.id}, 'n${change.id}')`;
    case 'key':
      return `ALTER TABLE moving DROP CONSTRAINT moving_pkey, ADD PRIMARY KEY (${change.key})`;
  }
}

/** What the source itself refuses has not happened. */
async function changeSource({ changes }: Story): Promise<boolean> {
  let isOtherKey = false;
  for (const [no, change] of changes.entries()) {
    const done = await source.sql(toSql(change, no)).then(
      () => true,
      () => false,
    );
    isOtherKey ||= done && change.do === 'key';
  }
  return isOtherKey;
}

function copy(destination: Connector, plan: Partial<LoadPlan>): Promise<Copied> {
  generation += 1;
  return copySchema({
    source: source.connector,
    destination,
    schemaId: 'public.moving',
    plan: { tombstones: true, ...plan, generation },
  });
}

async function columnsOf(side: Side): Promise<readonly string[]> {
  const rows = await side.sql(
    `SELECT attname FROM pg_attribute WHERE attrelid = 'moving'::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attname`,
  );
  return rows.map(([name]) => name ?? '').filter((name) => !name.startsWith('__'));
}

type Cells = readonly (readonly unknown[])[];
/** Reads the destination's columns as text, ordered by `code`. */
type Read = (columns: readonly string[], condition: string) => Promise<Cells>;

const asText = (columns: readonly string[], type: string) => columns.map((name) => `${name}::${type}`).join(', ');

/** Numbers are the same whatever their scale, a day the same as its midnight; all else is compared letter by letter. */
function normalize(cells: Cells): Cells {
  const one = (cell: unknown) => {
    if (typeof cell !== 'string') return cell;
    if (/^-?[\d.]+(e[+-]?\d+)?$/.test(cell)) return Number(cell);
    return cell.replace(/ 00:00:00(\+00)?$/, '');
  };
  return cells.map((row) => row.map(one));
}

async function play(story: Story, destination: () => Connector, read: Read): Promise<void> {
  await makeSource(story);
  const first = await copy(destination(), { kind: 'merge' });
  expect(first.found).toEqual(first.expected);
  const former = await columnsOf(source);
  const before = await read(former, 'true');
  const isOtherKey = await changeSource(story);
  const columns = await columnsOf(source);
  try {
    const { found, expected, rejects } = await copy(destination(), isOtherKey ? { kind: 'replace' } : story.way);
    expect(rejects).toEqual([]);
    expect(found).toEqual(expected);
  } catch (error) {
    if (!(error instanceof SyncError) || error.code !== 'TABLE_DIFFERS') throw error;
    expect(error.message).toMatch(/No record was changed/);
    expect(await read(former, 'true')).toEqual(before);
    return;
  }
  const image = await source.sql(`SELECT ${asText(columns, 'text')} FROM moving ORDER BY code`);
  expect(normalize(await read(columns, '__millrace_deleted_at IS NULL'))).toEqual(normalize(image));
  await expectHistory({ former, before, columns, image }, read);
}

/** Records that are gone keep all their values; those that are not keep what the source no longer fills. */
async function expectHistory(
  story: {
    readonly former: readonly string[];
    readonly before: Cells;
    readonly columns: readonly string[];
    readonly image: Cells;
  },
  read: Read,
): Promise<void> {
  const { former, before, columns, image } = story;
  const at = (names: readonly string[]) => names.indexOf('code');
  const living = new Set(image.map((row) => row[at(columns)]));
  const gone = before.filter((row) => !living.has(row[at(former)]));
  expect(normalize(await read(former, '__millrace_deleted_at IS NOT NULL'))).toEqual(normalize(gone));
  const forsaken = former.filter((name) => !columns.includes(name));
  const kept = before
    .filter((row) => living.has(row[at(former)]))
    .map((row) => [row[at(former)], ...forsaken.map((name) => row[former.indexOf(name)])]);
  const codes = kept.map(([code]) => `'${code}'`).join(', ');
  if (kept.length === 0) return;
  expect(await read(['code', ...forsaken], `code IN (${codes}) AND __millrace_deleted_at IS NULL`)).toEqual(kept);
}

describe('a table that changes at random between two loads', () => {
  it(
    'is followed by PostgreSQL, or refused',
    async () => {
      await using destination = await openSide();
      await destination.sql(`SET TimeZone = 'UTC'`);
      const read: Read = (columns, condition) =>
        destination.sql(`SELECT ${asText(columns, 'text')} FROM moving WHERE ${condition} ORDER BY code`);
      const property = fc.asyncProperty(stories, async (story) => {
        await destination.sql('DROP TABLE IF EXISTS moving; DROP SCHEMA IF EXISTS __millrace CASCADE');
        await play(story, () => destination.connector, read);
      });
      await fc.assert(property, RUNS);
    },
    LIMIT_MS,
  );

  it(
    'is followed by DuckDB, or refused',
    async () => {
      await using files = await createFilesRoot();
      let no = 0;
      const property = fc.asyncProperty(stories, async (story) => {
        no += 1;
        const name = `${no}.duckdb`;
        let connector = await connectFile(files.root, name);
        const read: Read = async (columns, condition) => {
          await connector[Symbol.asyncDispose]();
          const sql = `SELECT ${asText(columns, 'VARCHAR')} FROM moving WHERE ${condition} ORDER BY code`;
          const rows = await queryFile(join(files.root, name), sql);
          connector = await connectFile(files.root, name);
          return rows;
        };
        await play(story, () => connector, read);
        await connector[Symbol.asyncDispose]();
      });
      await fc.assert(property, RUNS);
    },
    LIMIT_MS,
  );
});
