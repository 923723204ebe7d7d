import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Connector, OfferedField } from '../../src/connector-kit/index.ts';
import type { FieldDescription, LogicalType } from '../../src/core/index.ts';
import { createTestDatabase, type TestDatabase } from '../setup/databases.ts';
import { connectFile, createFilesRoot, queryFile } from '../setup/duckdb/duckdb-loads.ts';
import { readPage, writeTable } from '../setup/markdown.ts';
import { connectDatabase } from '../setup/postgresql-loads.ts';
import { describeLanding, KINDS } from '../setup/type-tables.ts';

// The tables are written anew by: npm test -- tests/integration/docs-types.test.ts -u

/** Forms of a type with which something else becomes of its values. */
const VARIANTS: Readonly<Record<string, readonly string[]>> = {
  numeric: ['numeric(12,2)', 'numeric(50,2)', 'numeric'],
  'character varying': ['character varying(50)'],
  character: ['character(3)'],
  bit: ['bit(3)'],
  'bit varying': ['bit varying(9)'],
  money: ['money', 'money[]'],
};

/** Types of a user, with what they are. */
const OF_USERS: Readonly<Record<string, string>> = {
  mood: 'an enum',
  address: 'a composite type',
  'mood[]': 'an array of such a type',
  price: 'a domain: its base type',
  floatrange: 'a range of the user',
  hstore: 'a type of an extension',
};

/** Every type that the server offers for columns, but for the insides of its own catalogue. */
const BUILT_IN = `
  SELECT format_type(oid, NULL) AS type FROM pg_type
  WHERE typnamespace = 'pg_catalog'::regnamespace AND typtype IN ('b', 'r', 'm') AND typinput <> 'array_in'::regproc
    AND typname !~ '^(pg_brin|pg_ndistinct|pg_dependencies|pg_mcv_list|pg_node_tree|pg_ddl_command|gtsvector|aclitem)'
  ORDER BY position(typcategory IN 'BNSDTUIVGRAZ'), oid`;

const SET_UP = `
  CREATE TYPE mood AS ENUM ('good'); CREATE TYPE address AS (street text); CREATE DOMAIN price AS numeric(12,2);
  CREATE TYPE floatrange AS RANGE (subtype = float8); CREATE EXTENSION hstore`;

let database: TestDatabase;
let files: Awaited<ReturnType<typeof createFilesRoot>>;
let postgresql: Connector;
let duckdb: Connector;

beforeAll(async () => {
  database = await createTestDatabase();
  files = await createFilesRoot();
  postgresql = await connectDatabase(database.ownerUrl);
  duckdb = await connectFile(files.root, 'types.duckdb');
});
afterAll(async () => {
  await postgresql[Symbol.asyncDispose]();
  await duckdb[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
  await files[Symbol.asyncDispose]();
});

describe('the table of types', () => {
  it('of PostgreSQL says what the connectors make of a real column', async () => {
    const fields = await makeColumns();
    expect(fields.length).toBeGreaterThan(80);
    const rows = fields.map((field) => {
      const meaning = OF_USERS[field.id];
      return [
        meaning === undefined ? `\`${field.remoteType}\`` : `${meaning}, \`${field.id}\``,
        field.type,
        describeLanding(postgresql, postgresql, field),
        describeLanding(postgresql, duckdb, field),
        field.canTrack ? 'yes' : 'no',
      ];
    });
    const page = 'docs/connectors/postgresql.md';
    await expect(writeTable(readPage(page), 'source type', rows)).toMatchFileSnapshot(`../../${page}`);
  });

  it('of DuckDB says what the connectors make of a real column', async () => {
    const fields = await makeDuckdbColumns();
    expect(fields.length).toBeGreaterThan(30);
    const rows = fields.map((field) => [
      `\`${field.remoteType}\``,
      field.type,
      describeLanding(duckdb, postgresql, field),
      describeLanding(duckdb, duckdb, field),
      field.canTrack ? 'yes' : 'no',
    ]);
    const page = 'docs/connectors/duckdb.md';
    await expect(writeTable(readPage(page), 'DuckDB type', rows)).toMatchFileSnapshot(`../../${page}`);
  });

  it('of DuckDB says what becomes of every kind of value', async () => {
    const rows = KINDS.map(([meaning, logicalType]) => [meaning, describeColumn(logicalType)]);
    const page = 'docs/connectors/duckdb.md';
    await expect(writeTable(readPage(page), 'kind of value', rows)).toMatchFileSnapshot(`../../${page}`);
  });
});

/** Forms of DuckDB's types that cannot stand alone; NULL and TYPE are no types of columns. */
const DUCKDB_VARIANTS: Readonly<Record<string, readonly string[]>> = {
  DECIMAL: ['DECIMAL(18,3)'],
  LIST: ['INTEGER[]', 'DOUBLE[]'],
  ARRAY: ['INTEGER[3]'],
  STRUCT: ['STRUCT(a INTEGER)'],
  MAP: ['MAP(VARCHAR, INTEGER)'],
  UNION: ['UNION(num INTEGER, str VARCHAR)'],
  ENUM: ["ENUM('good')"],
  VARCHAR: ['VARCHAR', 'JSON'],
  NULL: [],
  TYPE: [],
};

/** A table of a DuckDB file with a column of each type that the library has, as the connector describes it. */
async function makeDuckdbColumns(): Promise<readonly FieldDescription[]> {
  const rows = await queryFile(
    ':memory:',
    `SELECT logical_type FROM duckdb_types() WHERE database_name = 'system'
     GROUP BY ALL ORDER BY min(type_category) NULLS LAST, min(type_oid), logical_type`,
  );
  const types = rows.flatMap(([type]) => DUCKDB_VARIANTS[String(type)] ?? [String(type)]);
  const columns = types.map((type, i) => `c${i} ${type}`).join(', ');
  // Files of older versions lack the newest types.
  const attach = `ATTACH '${join(files.root, 'source.duckdb')}' AS file (STORAGE_VERSION 'latest')`;
  await queryFile(':memory:', `${attach}; CREATE TABLE file.main.t (${columns})`);
  await using source = await connectFile(files.root, 'source.duckdb');
  const schemas = await source.source?.discover(AbortSignal.timeout(20_000));
  return schemas?.[0]?.fields ?? [];
}

/** A table with a column of each type, named after it, as the connector describes it. */
async function makeColumns(): Promise<readonly FieldDescription[]> {
  const client = new pg.Client(database.url);
  await client.connect();
  const { rows } = await client.query<{ type: string }>(BUILT_IN);
  const builtIn = rows.flatMap(({ type }) => VARIANTS[type] ?? [type]);
  const types = [...builtIn, 'integer[]', 'text[]', ...Object.keys(OF_USERS)];
  await client.query(SET_UP);
  await client.query(`CREATE TABLE t (${types.map((type) => `${client.escapeIdentifier(type)} ${type}`).join(', ')})`);
  await client.query(`GRANT SELECT ON t TO PUBLIC`);
  await client.end();
  const schemas = await postgresql.source?.discover(AbortSignal.timeout(20_000));
  return schemas?.find(({ name }) => name === 't')?.fields ?? [];
}

function describeColumn(logicalType: LogicalType): string {
  const field: OfferedField = { id: 'f', logicalType, wireType: 'f', conversion: null, isNullable: true };
  const column = duckdb.destination?.accept({ format: 'csv', fields: [field] })?.columns[0];
  return column === undefined ? 'refused' : `${column.type}${column.conversion === null ? '' : ', as text'}`;
}
