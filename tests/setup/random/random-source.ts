import pg from 'pg';
import type { Random } from '../../torture/random.ts';
import { FIXED_SQL, pickRecord, type SourceTable } from './random-syncs.ts';
import { USER_TYPES } from './random-types.ts';
import { refusedByDuckdb } from './type-texts.ts';

/** A session that prints every value in one way. */
export interface PlainSession extends AsyncDisposable {
  query(sql: string, values?: readonly unknown[]): Promise<unknown[][]>;
}

/** Opens a session in UTC. */
export async function openSession(url: string): Promise<PlainSession> {
  const client = new pg.Client(url);
  await client.connect();
  await client.query(`SET TimeZone = 'UTC'; SET IntervalStyle = 'iso_8601'; SET extra_float_digits = 3`);
  return {
    async query(sql, values = []) {
      const { rows } = await client.query<unknown[]>({ text: sql, rowMode: 'array', values: [...values] });
      return rows;
    },
    [Symbol.asyncDispose]: () => client.end(),
  };
}

/** A name in SQL. */
export const quote = (name: string): string => `"${name.replaceAll('"', '""')}"`;

/** A table in SQL. */
export const quoteTable = (table: { readonly schema: string; readonly name: string }): string =>
  `${quote(table.schema)}.${quote(table.name)}`;

/** A table of the source in SQL. */
export const inSource = ({ schema, names }: SourceTable): string => quoteTable({ schema, name: names.disabled });

/** Makes the tables, with a few records or none. */
export async function makeSource(random: Random, source: PlainSession, tables: readonly SourceTable[]): Promise<void> {
  for (const statement of [...USER_TYPES.split(';'), 'CREATE SCHEMA "Sales Dept"', 'CREATE SEQUENCE revs'])
    await source.query(statement);
  for (const table of tables) {
    const columns = table.randomColumns.map(({ name, type }) => `, ${quote(name)} ${type}`).join('');
    const key = table.primaryKey.length === 0 ? '' : `, PRIMARY KEY (${table.primaryKey.map(quote).join(', ')})`;
    await source.query(`CREATE TABLE ${inSource(table)} (${FIXED_SQL}${columns}${key})`);
    const count = random.pick([0, 1, 8, 12]);
    for (let id = 1; id <= count; id += 1)
      await insert(random, source, table, id, `'2024-01-01Z'::timestamptz + ${id} * interval '1 day'`);
    await clean(source, table);
  }
}

/** Makes a table that was not there before, with a few records. */
export async function makeLaterTable(source: PlainSession, table: SourceTable): Promise<void> {
  const columns = table.columns.map(({ name, type }) => `${quote(name)} ${type}`).join(', ');
  const key = table.primaryKey.length === 0 ? '' : `, PRIMARY KEY (${table.primaryKey.map(quote).join(', ')})`;
  await source.query(`CREATE TABLE ${inSource(table)} (${columns}${key})`);
  await source.query(`INSERT INTO ${inSource(table)} VALUES (1, 'one'), (2, NULL), (3, 'three')`);
}

async function insert(random: Random, source: PlainSession, table: SourceTable, id: number, at: string): Promise<void> {
  const types = [
    'integer',
    'text',
    'integer',
    'boolean',
    'text[]',
    'jsonb',
    ...table.randomColumns.map(({ type }) => type),
  ];
  const names = ['id', 'Code No', 'n', 'flag', 'tags', 'payload', ...table.randomColumns.map(({ name }) => name)];
  const slots = types.map((type, i) => `$${i + 1}::text::${type}`);
  const tracked = random.chance(0.15) ? 'NULL, NULL' : `${at}, nextval('revs')`;
  await source.query(
    `INSERT INTO ${inSource(table)} (${names.map(quote).join(', ')}, changed_at, rev) VALUES (${slots.join(', ')}, ${tracked})`,
    pickRecord(random, table, id),
  );
}

/** What DuckDB refuses has tests of its own. */
async function clean(source: PlainSession, table: SourceTable): Promise<void> {
  for (const { name, type } of table.randomColumns) {
    const refused = refusedByDuckdb(quote(name), type);
    if (refused !== 'false') await source.query(`UPDATE ${inSource(table)} SET ${quote(name)} = NULL WHERE ${refused}`);
  }
}

/** Deletes, changes and adds a few records of each table; the tracking fields grow. */
export async function changeSource(
  random: Random,
  source: PlainSession,
  tables: readonly SourceTable[],
): Promise<void> {
  for (const table of tables) {
    const ids = (await source.query(`SELECT id FROM ${inSource(table)} ORDER BY id`)).flat().map(Number);
    for (const id of ids) {
      const fate = random.next();
      if (fate < 0.35) await source.query(`DELETE FROM ${inSource(table)} WHERE id = ${id}`);
      if (fate < 0.2) await insert(random, source, table, id, 'clock_timestamp()');
    }
    const next = Math.max(0, ...ids) + 1;
    for (let id = next; id < next + random.between(0, 3); id += 1)
      await insert(random, source, table, id, 'clock_timestamp()');
    await clean(source, table);
  }
}
