import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Connector, LoadPlan } from '../../src/connector-kit/index.ts';
import { SyncError } from '../../src/core/index.ts';
import { connectFile, createFilesRoot, queryFile } from '../setup/duckdb/duckdb-loads.ts';
import { type Copied, copySchema, openSide, type Side } from '../setup/postgresql-loads.ts';
import { type RandomTable, randomTables, USER_TYPES } from '../setup/random/random-types.ts';
import {
  normalizeText,
  refusedByDuckdb,
  toDuckdbText,
  toReturnedText,
  toSourceText,
} from '../setup/random/type-texts.ts';

/** Set `SEED` to repeat a failure or to look elsewhere, and `TYPE_RUNS` to look longer. */
const RUNS = { numRuns: Number(process.env.TYPE_RUNS ?? 3), seed: Number(process.env.SEED ?? 42), endOnFailure: true };
const LIMIT_MS = 30_000 + 30_000 * RUNS.numRuns;

let source: Side;
let generation = 0;

beforeAll(async () => {
  source = await openSide();
  await source.sql(USER_TYPES);
  await source.sql(`SET TimeZone = 'UTC'; SET IntervalStyle = 'iso_8601'; SET extra_float_digits = 3`);
});
afterAll(() => source[Symbol.asyncDispose]());

async function makeTable({ columns, records }: RandomTable): Promise<void> {
  const definitions = columns.map(({ name, type }) => `${quote(name)} ${type}`);
  await source.sql('DROP TABLE IF EXISTS random');
  await source.sql(`CREATE TABLE random (id integer PRIMARY KEY, ${definitions.join(', ')})`);
  await insert(columns, records, 0);
}

async function insert(columns: RandomTable['columns'], records: RandomTable['records'], from: number): Promise<void> {
  for (const [index, record] of records.entries()) {
    const slots = columns.map(({ type }, i) => `$${i + 2}::text::${type}`);
    await source.sql(`INSERT INTO random VALUES ($1::int, ${slots.join(', ')})`, [from + index, ...record]);
  }
}

/** As the engine does: once as a whole, and record by record when the destination refuses some. */
async function copy(destination: () => Connector, plan: Partial<LoadPlan>): Promise<Copied> {
  const next = () => ({ ...plan, generation: ++generation, tombstones: true });
  const parts = { source: source.connector, schemaId: 'public.random' };
  try {
    return await copySchema({ ...parts, destination: destination(), plan: next() });
  } catch (error) {
    if (!(error instanceof SyncError) || error.code !== 'RECORD_REFUSED') throw error;
    return await copySchema({ ...parts, destination: destination(), plan: next(), isolate: true });
  }
}

describe('random tables over all types', () => {
  it(
    'arrive in PostgreSQL as they were, and stay equal through a merge',
    async () => {
      await using destination = await openSide();
      await destination.sql(`SET TimeZone = 'UTC'; SET IntervalStyle = 'iso_8601'`);
      const expectSame = async ({ columns }: RandomTable, copied: Copied) => {
        expect(copied.found).toEqual(copied.expected);
        expect(copied.rejects).toEqual([]);
        const list = (cast: (name: string, type: string) => string) =>
          ['id::text', ...columns.map(({ name, type }) => cast(quote(name), type))].join(', ');
        const isMoney = (type: string) => type === 'money';
        const sent = list((name, type) => (isMoney(type) ? `${name}::numeric::text` : `${name}::text`));
        const landed = list((name) => `${name}::text`);
        const live = 'WHERE __millrace_deleted_at IS NULL';
        expect(await destination.sql(`SELECT ${landed} FROM random ${live} ORDER BY random.id`)).toEqual(
          await source.sql(`SELECT ${sent} FROM random ORDER BY random.id`),
        );
      };
      await checkTables(async (table, others) => {
        await makeTable(table);
        await destination.sql('DROP TABLE IF EXISTS random');
        await expectSame(table, await copy(() => destination.connector, { kind: 'replace' }));
        await change(table, others);
        await expectSame(table, await copy(() => destination.connector, { kind: 'merge' }));
      });
    },
    LIMIT_MS,
  );

  it(
    'arrive in DuckDB as they were, as declared, or as rejects, and stay equal through a merge',
    async () => {
      await using files = await createFilesRoot();
      const image = async ({ columns }: RandomTable, copied: Copied, file: string) => {
        expect(copied.found).toEqual(copied.expected);
        const refused = await source.sql(`SELECT id::text FROM random WHERE ${whatDuckdbRefuses(columns)} ORDER BY 1`);
        expect(copied.rejects.map(({ key }) => key?.id).sort()).toEqual(refused.flat());
        // An older version of a record that is refused stays, which is told in docs/guarantees.md.
        const older = ['NULL', ...refused.flat()].join(', ');
        const live = `WHERE __millrace_deleted_at IS NULL AND coalesce(id NOT IN (${older}), true) ORDER BY random.id`;
        const landed = columns.map(({ name, type }) => toDuckdbText(quote(name), type));
        const sent = columns.map(({ name, type }) => toSourceText(quote(name), type));
        const found = await queryFile(file, `SELECT ${['id::VARCHAR', ...landed].join(', ')} FROM random ${live}`);
        const kept = `WHERE NOT (${whatDuckdbRefuses(columns)})`;
        const all = await source.sql(
          `SELECT ${['id::text', ...sent].join(', ')} FROM random ${kept} ORDER BY random.id`,
        );
        const types = ['integer', ...columns.map(({ type }) => type)];
        const same = (row: readonly unknown[]) => row.map((value, i) => normalizeText(value, types[i] ?? ''));
        expect(found.map(same)).toEqual(all.map(same));
      };
      await checkTables(async (table, others) => {
        await makeTable(table);
        const file = `${++generation}.duckdb`;
        const load = async (plan: Partial<LoadPlan>) => {
          await using connector = await connectFile(files.root, file);
          return await copy(() => connector, plan);
        };
        await image(table, await load({ kind: 'replace' }), join(files.root, file));
        await change(table, others);
        await image(table, await load({ kind: 'merge' }), join(files.root, file));
      });
    },
    LIMIT_MS,
  );
});

describe('random tables that go through DuckDB and back', () => {
  it(
    'hold in the second PostgreSQL what the first one sent',
    async () => {
      await using files = await createFilesRoot();
      await using destination = await openSide();
      await destination.sql(`SET TimeZone = 'UTC'; SET extra_float_digits = 3`);
      await checkTables(async (table) => {
        await makeTable(table);
        await destination.sql('DROP TABLE IF EXISTS random');
        const path = `${++generation}.duckdb`;
        await using written = await connectFile(files.root, path);
        await copy(() => written, { kind: 'replace' });
        await written[Symbol.asyncDispose]();
        await using file = await connectFile(files.root, path);
        const back = await copySchema({
          source: file,
          destination: destination.connector,
          schemaId: 'main.random',
          fields: ['id', ...table.columns.map(({ name }) => name)],
          plan: { generation: ++generation },
        });
        expect(back.found).toEqual(back.expected);
        const sent = table.columns.map(({ name, type }) => toSourceText(quote(name), type));
        const landed = table.columns.map(({ name, type }) => toReturnedText(quote(name), type));
        const kept = `WHERE NOT (${whatDuckdbRefuses(table.columns)})`;
        expect(await destination.sql(`SELECT ${['id', ...landed].join(', ')} FROM random ORDER BY random.id`)).toEqual(
          await source.sql(`SELECT ${['id', ...sent].join(', ')} FROM random ${kept} ORDER BY random.id`),
        );
      });
    },
    LIMIT_MS,
  );
});

/** Each run has every type once, spread over tables; the second set of records changes the first. */
async function checkTables(
  check: (table: RandomTable, others: RandomTable['records']) => Promise<void>,
): Promise<void> {
  await fc.assert(
    fc.asyncProperty(randomTables(24, 9), async (tables) => {
      for (const table of tables) await check(table, table.records.toReversed().slice(0, 4));
    }),
    RUNS,
  );
}

/** Takes two records away, gives three others new values, and adds one. */
async function change({ columns }: RandomTable, records: RandomTable['records']): Promise<void> {
  await source.sql('DELETE FROM random WHERE id < 5');
  await insert(columns, records.slice(0, 3), 1);
  await insert(columns, records.slice(3), 100);
}

function quote(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

function whatDuckdbRefuses(columns: RandomTable['columns']): string {
  const conditions = columns.map(({ name, type }) => `coalesce(${refusedByDuckdb(quote(name), type)}, false)`);
  return ['false', ...conditions].join(' OR ');
}
