import { DuckDBInstance } from '@duckdb/node-api';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { NEVER, openSide, type Side } from '../../../tests/setup/postgresql-loads.ts';
import { FILTER_FUNCTIONS, type FieldDescription, type Filter, type RowFilter } from '../../core/index.ts';
import { describeType } from '../duckdb/reading/column-types.ts';
import {
  drawFilters,
  FILTER_VALUES,
  type FilterColumn,
  resolveOne,
  selectByReference,
} from '../testing/filter-cases.ts';
import type { SqlDialect } from './dialect.ts';
import { DUCKDB } from './duckdb.ts';
import { toFilterCondition } from './filters.ts';
import { POSTGRESQL } from './postgresql.ts';

/** Change it to draw other filters. */
const SEED = 1;

const V = FILTER_VALUES;
const SHORT = V.text.filter((text) => text.length <= 5 && !/\s$/.test(text));

const POSTGRESQL_COLUMNS: Readonly<Record<string, FilterColumn>> = {
  words: { type: 'text', values: V.text },
  short: { type: 'varchar(30)', values: V.text },
  padded: { type: 'char(5)', values: SHORT },
  mood: { type: 'feeling', values: ['a', 'A', "a'b", 'a\\b'] },
  caseless: { type: 'text COLLATE "caseless"', values: V.text },
  small: { type: 'smallint', values: V.integer },
  int: { type: 'integer', values: V.integer },
  big: { type: 'bigint', values: V.bigint },
  decimal: { type: 'numeric(10,2)', values: [...V.decimal, 'NaN'] },
  numeric: { type: 'numeric', values: [...V.decimal, ...V.huge, 'NaN', 'Infinity', '-Infinity'] },
  money: { type: 'money', values: V.decimal },
  oid: { type: 'oid', values: ['0', '5', '4294967295'] },
  real: { type: 'real', values: V.real },
  double: { type: 'double precision', values: V.double },
  flag: { type: 'boolean', values: V.boolean },
  day: { type: 'date', values: V.date },
  clock: { type: 'time', values: V.time },
  local: { type: 'timestamp', values: V.timestamp },
  moment: { type: 'timestamptz', values: V.timestamptz },
  uuid: { type: 'uuid', values: V.uuid },
  address: { type: 'inet', values: ['10.0.0.1/32', '10.0.0.0/8'] },
  bytes: { type: 'bytea', values: ['00ff'] },
  texts: { type: 'text[]', values: V.texts },
  shorts: { type: 'varchar(9)[]', values: V.texts },
  integers: {
    type: 'integer[]',
    values: [
      ...V.integers,
      [
        [1, 2],
        [3, 5],
      ],
    ],
  },
  decimals: { type: 'numeric[]', values: V.decimals },
  reals: { type: 'real[]', values: V.reals },
  doubles: { type: 'double precision[]', values: V.reals },
  booleans: { type: 'boolean[]', values: V.booleans },
  uuids: { type: 'uuid[]', values: V.uuids },
  json: { type: 'json', values: V.json },
  jsonb: { type: 'jsonb', values: V.json },
};

const DUCKDB_COLUMNS: Readonly<Record<string, FilterColumn>> = {
  words: { type: 'VARCHAR', values: V.text },
  caseless: { type: 'VARCHAR COLLATE NOCASE', values: V.text },
  mood: { type: "ENUM('a', 'A', 'a''b', 'a\\b')", values: ['a', 'A', "a'b", 'a\\b'] },
  tiny: { type: 'UTINYINT', values: ['0', '1', '5', '255'] },
  small: { type: 'SMALLINT', values: V.integer },
  int: { type: 'INTEGER', values: V.integer },
  big: { type: 'BIGINT', values: V.bigint },
  unsigned: { type: 'UBIGINT', values: ['0', '5', '18446744073709551615'] },
  huge: { type: 'HUGEINT', values: V.huge },
  hugest: { type: 'UHUGEINT', values: ['0', '5', '340282366920938463463374607431768211455'] },
  decimal: { type: 'DECIMAL(10,2)', values: V.decimal },
  pure: { type: 'DECIMAL(2,2)', values: ['0.00', '0.10', '-0.99'] },
  real: { type: 'FLOAT', values: V.real },
  double: { type: 'DOUBLE', values: V.double },
  flag: { type: 'BOOLEAN', values: V.boolean },
  day: { type: 'DATE', values: V.date },
  clock: { type: 'TIME', values: V.time },
  local: { type: 'TIMESTAMP', values: V.timestamp },
  seconds: { type: 'TIMESTAMP_S', values: V.timestamp.filter((time) => !time.includes('.')) },
  moment: { type: 'TIMESTAMP WITH TIME ZONE', values: V.timestamptz },
  uuid: { type: 'UUID', values: V.uuid },
  bytes: { type: 'BLOB', values: ['00ff'] },
  texts: { type: 'VARCHAR[]', values: V.texts },
  integers: { type: 'INTEGER[]', values: V.integers },
  nested: { type: 'INTEGER[][]', values: [[], [[1, 2], [3]], [[5], null]] },
  decimals: { type: 'DECIMAL(4,2)[]', values: V.decimals },
  reals: { type: 'FLOAT[]', values: V.reals },
  doubles: { type: 'DOUBLE[]', values: V.reals },
  booleans: { type: 'BOOLEAN[]', values: V.booleans },
  uuids: { type: 'UUID[]', values: V.uuids },
  json: { type: 'JSON', values: V.json },
};

/** Numbers of the records of a column's own table that a condition selects. */
type Select = (name: string, condition: string) => Promise<readonly number[]>;

describe('filters pushed down to PostgreSQL', () => {
  let side: Side;
  const fields = new Map<string, FieldDescription>();

  beforeAll(async () => {
    side = await openSide();
    await side.sql(`CREATE TYPE feeling AS ENUM ('a', 'A', 'a''b', 'a\\b')`);
    await side.sql(`CREATE COLLATION caseless (provider = icu, locale = 'und-u-ks-level2', deterministic = false)`);
    for (const [name, { type, values }] of Object.entries(POSTGRESQL_COLUMNS)) {
      await side.sql(`CREATE TABLE "${name}" (no int, "odd ""name" ${type})`);
      const isJson = type.startsWith('json');
      for (const [no, value] of [...values, null].entries()) {
        const isNull = no === values.length;
        const given = isNull ? null : isJson ? JSON.stringify(value) : type === 'bytea' ? `\\x${value}` : value;
        await side.sql(`INSERT INTO "${name}" VALUES ($1, $2)`, [no, given]);
      }
    }
    const schemas = (await side.connector.source?.discover(NEVER)) ?? [];
    for (const { name, fields: described } of schemas) {
      const [, field] = described;
      if (field !== undefined) fields.set(name, field);
    }
  });
  afterAll(() => side[Symbol.asyncDispose]());

  const select: Select = async (name, condition) => {
    const rows = await side.sql(`SELECT no FROM "${name}" WHERE ${condition} ORDER BY no`);
    return rows.map(([no]) => Number(no));
  };

  it.each(Object.keys(POSTGRESQL_COLUMNS))('select of %s what the reference selects', async (name) => {
    await compare({ name, columns: POSTGRESQL_COLUMNS, fields, dialect: POSTGRESQL, quoted: '"odd ""name"', select });
  });

  it('select the same where backslashes in literals mean something', async () => {
    await side.sql('SET standard_conforming_strings = off; SET escape_string_warning = off');
    await compare({
      name: 'words',
      columns: POSTGRESQL_COLUMNS,
      fields,
      dialect: POSTGRESQL,
      quoted: '"odd ""name"',
      select,
    });
    await side.sql('RESET standard_conforming_strings');
    expect(await select('words', 'true')).toHaveLength(V.text.length + 1);
  });

  it.each<[string, RowFilter['function'], unknown]>([
    ['int', 'Equality', 5],
    ['int', 'GreaterThan', 5.5],
    ['big', 'StringOneOf', [5, '6']],
    ['decimal', 'Between', [1, 2]],
    ['moment', 'OnOrAfter', '2024-01-31'],
    ['day', 'OnOrBefore', '2024-01-31T10:00Z'],
    ['uuid', 'Equality', V.uuid[0]],
    ['words', 'Equality', 'a'],
    ['texts', 'ArrayContains', 'a'],
    ['jsonb', 'ArrayContains', 'a'],
  ])('can use an index of %s for %s', async (name, filterFunction, value) => {
    const field = fieldOf(fields, name);
    const filter: RowFilter = { field: field.id, function: filterFunction, value };
    const condition = toFilterCondition({ id: name, fields: [field] }, [filter], POSTGRESQL, () => '"odd ""name"');
    const method = field.type === 'array' || name === 'jsonb' ? 'gin' : 'btree';
    await side.sql(`CREATE INDEX ON "${name}" USING ${method} ("odd ""name"); SET enable_seqscan = off`);
    const plan = await side.sql(`EXPLAIN SELECT FROM "${name}" WHERE ${condition}`);
    expect(plan.join('\n')).toContain('Index Cond');
  });

  it('are drawn for every function, each with and without a match', () => {
    const drawn = [...fields].flatMap(([name, field]) => tally(field, columnOf(POSTGRESQL_COLUMNS, name)));
    for (const isMatch of [true, false]) {
      const names = drawn.filter((one) => one.isMatch === isMatch).map(({ filter }) => filter.function);
      expect(new Set(names)).toEqual(new Set(FILTER_FUNCTIONS));
    }
  });
});

describe('filters pushed down to DuckDB', () => {
  let instance: DuckDBInstance;
  let select: Select;
  const fields = new Map<string, FieldDescription>();

  beforeAll(async () => {
    instance = await DuckDBInstance.create(':memory:');
    const connection = await instance.connect();
    select = async (name, condition) => {
      const result = await connection.runAndReadAll(`SELECT no FROM "${name}" WHERE ${condition} ORDER BY no`);
      return result.getRows().map(([no]) => Number(no));
    };
    for (const [name, { type, values }] of Object.entries(DUCKDB_COLUMNS)) {
      await connection.run(`CREATE TABLE "${name}" (no INTEGER, odd ${type})`);
      const rows = [...values, null].map(
        (value, no) => `(${no}, ${no === values.length ? 'NULL' : toDuckdb(type, value)})`,
      );
      await connection.run(`INSERT INTO "${name}" VALUES ${rows.join(', ')}`);
      fields.set(name, toField(type.replace(' COLLATE NOCASE', '')));
    }
  });
  afterAll(() => instance.closeSync());

  it.each(Object.keys(DUCKDB_COLUMNS))('select of %s what the reference selects', async (name) => {
    await compare({ name, columns: DUCKDB_COLUMNS, fields, dialect: DUCKDB, quoted: '"odd"', select });
  });

  it('are drawn for every function', () => {
    const drawn = [...fields].flatMap(([name, field]) => tally(field, columnOf(DUCKDB_COLUMNS, name)));
    expect(new Set(drawn.map(({ filter }) => filter.function))).toEqual(new Set(FILTER_FUNCTIONS));
  });
});

function toField(remoteType: string): FieldDescription {
  const { type, logicalType } = describeType(remoteType);
  return {
    id: 'odd',
    name: 'odd',
    type,
    remoteType,
    logicalType,
    isNullable: true,
    isPrimaryKey: false,
    canTrack: false,
  };
}

/** A literal of the test's own making. */
function toDuckdb(type: string, value: unknown): string {
  if (type.endsWith('[]')) {
    if (!Array.isArray(value)) return value === null ? 'NULL' : toDuckdb('VARCHAR', value);
    return `CAST([${value.map((one) => toDuckdb(type.slice(0, -2), one)).join(', ')}] AS ${type})`;
  }
  if (value === null) return 'NULL';
  const text = type === 'JSON' ? JSON.stringify(value) : String(value);
  const literal = `'${text.replaceAll("'", "''")}'`;
  if (type === 'BLOB') return `unhex(${literal})`;
  const era = / BC$/.test(text) ? `'${text.replace(/^(\S+)(.*) BC$/, '$1 (BC)$2')}'` : literal;
  return `CAST(${era} AS ${type.replace(' COLLATE NOCASE', '')})`;
}

function columnOf(columns: Readonly<Record<string, FilterColumn>>, name: string): FilterColumn {
  const column = columns[name];
  if (column === undefined) throw new Error(`no column ${name}`);
  return column;
}

interface Comparison {
  readonly name: string;
  readonly columns: Readonly<Record<string, FilterColumn>>;
  readonly fields: ReadonlyMap<string, FieldDescription>;
  readonly dialect: SqlDialect;
  readonly quoted: string;
  readonly select: Select;
}

function fieldOf(fields: ReadonlyMap<string, FieldDescription>, name: string): FieldDescription {
  const field = fields.get(name);
  if (field === undefined) throw new Error(`${name} was not described`);
  return field;
}

async function compare({ name, columns, fields, dialect, quoted, select }: Comparison): Promise<void> {
  const field = fieldOf(fields, name);
  const column = columnOf(columns, name);
  const filters = drawFilters(field, column, SEED);
  expect(filters.length).toBeGreaterThan(2);
  for (const filter of filters) {
    const resolved = resolveOne(filter);
    const condition = toFilterCondition({ id: name, fields: [field] }, [resolved], dialect, () => quoted);
    const selected = await select(name, condition ?? 'true');
    expect({ filter, condition, selected }).toEqual({
      filter,
      condition,
      selected: selectByReference(field, column, resolved),
    });
  }
}

function tally(
  field: FieldDescription,
  column: FilterColumn,
): readonly { readonly filter: Filter; readonly isMatch: boolean }[] {
  return drawFilters(field, column, SEED).flatMap((filter) => {
    const resolved: RowFilter = resolveOne(filter);
    const matches = selectByReference(field, column, resolved).length;
    return [
      ...(matches > 0 ? [{ filter, isMatch: true }] : []),
      ...(matches <= column.values.length ? [{ filter, isMatch: false }] : []),
    ];
  });
}
