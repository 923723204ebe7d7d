import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import pg from 'pg';
import type { TortureTable } from './source-tables.ts';

// The independent look at both sides: SQL of its own, no line of the product.

/** One table as it stands: an MD5 per record in order, and the keys of live and deleted records. */
export interface TableImage {
  readonly hashes: readonly string[];
  /** Keys of live records, in order; for tables without a key empty. */
  readonly keys: readonly string[];
  /** Keys of records marked as deleted. */
  readonly deletedKeys: readonly string[];
  /** Of the live records. The writer keeps it at nothing. */
  readonly amounts: bigint;
}

/** Everything that a destination holds. */
export interface DestinationImage {
  readonly tables: ReadonlyMap<string, TableImage>;
  /** Relations that should not be there: shadows, stages, files. */
  readonly strays: readonly string[];
}

/** Reads a table of the source. */
export function readSource(url: string, tables: readonly TortureTable[]): Promise<ReadonlyMap<string, TableImage>> {
  return withPostgres(url, (query) => readTables(POSTGRESQL, query, tables, ''));
}

/** Tables of Millrace's own that stay in a destination. */
const STATE_TABLES = ['fences', 'owners', 'publications', 'segments'];
const SCHEMA = 'landing';

/** Reads a destination database whole. */
export function readPostgresDestination(url: string, tables: readonly TortureTable[]): Promise<DestinationImage> {
  return withPostgres(url, async (query) => {
    const relations = await query(
      `SELECT n.nspname || '.' || c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
       WHERE n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema' AND c.relkind NOT IN ('i', 'I', 't', 'c')`,
    );
    const states = await query('SELECT count(*)::text FROM __millrace.segments');
    return {
      tables: await readTables(POSTGRESQL, query, tables, `${SCHEMA}.`),
      strays: [...straysAmong(relations.flat(), tables), ...leftStates(states)],
    };
  });
}

/** Reads a DuckDB file whole. It must be closed: nobody else may hold it. */
export async function readDuckdbDestination(file: string, tables: readonly TortureTable[]): Promise<DestinationImage> {
  const instance = await DuckDBInstance.create(file, { access_mode: 'READ_ONLY' });
  const connection = await instance.connect();
  try {
    const query: Query = async (sql) => {
      const rows = await (await connection.runAndReadAll(sql)).getRows();
      return rows.map((row) => row.map((value) => (value === null ? null : String(value))));
    };
    const relations = await query(
      `SELECT schema_name || '.' || table_name FROM duckdb_tables() UNION ALL
       SELECT schema_name || '.' || view_name FROM duckdb_views() WHERE NOT internal`,
    );
    const states = await query('SELECT count(*) FROM __millrace.segments');
    const files = readdirSync(dirname(file)).filter((name) => name !== basename(file));
    return {
      tables: await readTables(DUCKDB, query, tables, `${SCHEMA}.`),
      strays: [...straysAmong(relations.flat(), tables), ...leftStates(states), ...files],
    };
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

/** Reads the published files of a Parquet folder, as a reader would, and looks for what should not lie beside them. */
export async function readParquetDestination(
  folder: string,
  tables: readonly TortureTable[],
): Promise<DestinationImage> {
  const instance = await DuckDBInstance.create();
  const connection = await instance.connect();
  try {
    const query: Query = async (sql) => {
      const rows = await (await connection.runAndReadAll(sql)).getRows();
      return rows.map((row) => row.map((value) => (value === null ? null : String(value))));
    };
    await query(`CREATE SCHEMA ${SCHEMA}`);
    for (const { name } of tables) {
      const files = join(folder, SCHEMA, name, 'current/*.parquet');
      await query(`CREATE VIEW ${SCHEMA}.${name} AS SELECT * FROM read_parquet('${files}')`);
    }
    const strays = tables.flatMap(({ name }) => strayFiles(join(folder, SCHEMA, name)));
    const state = readdirSync(join(folder, '.millrace')).filter((name) => name !== 'work.duckdb');
    return { tables: await readTables(DUCKDB, query, tables, `${SCHEMA}.`), strays: [...strays, ...state] };
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

/** What is neither published nor kept for readers of the files before. */
function strayFiles(table: string): string[] {
  const current = basename(readlinkSync(join(table, 'current')));
  const { previous } = JSON.parse(readFileSync(join(table, 'current/_manifest.json'), 'utf8'));
  const generations = readdirSync(join(table, '.millrace')).filter(
    (name) => !['table.json', current, previous].includes(name),
  );
  const parts = readdirSync(join(table, 'current')).filter((name) => !/^(_manifest\.json|g.*\.parquet)$/.test(name));
  return [...generations, ...parts];
}

type Query = (sql: string) => Promise<(string | null)[][]>;

interface Dialect {
  readonly asText: Readonly<Record<TortureTable['columns'][string], (column: string) => string>>;
  readonly byteLength: string;
}

const POSTGRESQL: Dialect = {
  asText: {
    text: (column) => `${column}::text`,
    time: (column) => `(extract(epoch FROM ${column}) * 1000000)::bigint::text`,
    bytes: (column) => `encode(${column}, 'hex')`,
  },
  byteLength: 'octet_length',
};

const DUCKDB: Dialect = {
  asText: {
    text: (column) => `CAST(${column} AS VARCHAR)`,
    time: (column) => `CAST(epoch_us(${column}) AS VARCHAR)`,
    bytes: (column) => `lower(hex(${column}))`,
  },
  byteLength: 'strlen',
};

async function readTables(
  dialect: Dialect,
  query: Query,
  tables: readonly TortureTable[],
  prefix: string,
): Promise<ReadonlyMap<string, TableImage>> {
  const images = new Map<string, TableImage>();
  for (const table of tables) images.set(table.name, await readTable(dialect, query, table, prefix));
  return images;
}

async function readTable(dialect: Dialect, query: Query, table: TortureTable, prefix: string): Promise<TableImage> {
  const name = `${prefix}${table.name}`;
  const hasTombstones = await query(`SELECT * FROM ${name} LIMIT 0`).then(() =>
    query(`SELECT __millrace_deleted_at FROM ${name} LIMIT 0`).then(
      () => true,
      () => false,
    ),
  );
  // One text per field, told apart by its length, so that no two records look alike.
  const fields = Object.entries(table.columns).map(([column, kind]) => {
    const text = dialect.asText[kind](column);
    return `coalesce(CAST(${dialect.byteLength}(${text}) AS VARCHAR) || ':' || ${text}, '-')`;
  });
  const key = table.key.map((column) => dialect.asText.text(column)).join(` || ' ' || `) || 'NULL';
  const deleted = hasTombstones ? '__millrace_deleted_at IS NOT NULL' : 'false';
  const rows = await query(
    `SELECT md5(${fields.join(' || ')}), ${key}, CAST(amount AS VARCHAR), CASE WHEN ${deleted} THEN 'deleted' END FROM ${name}`,
  );
  const live = rows.filter((row) => row[3] === null);
  return {
    hashes: live.map((row) => row[0] ?? '').sort(),
    keys: table.key.length === 0 ? [] : live.map((row) => row[1] ?? '').sort(),
    deletedKeys: rows
      .filter((row) => row[3] !== null)
      .map((row) => row[1] ?? '')
      .sort(),
    amounts: live.reduce((sum, row) => sum + BigInt(row[2] ?? 0), 0n),
  };
}

function straysAmong(relations: readonly (string | null)[], tables: readonly TortureTable[]): string[] {
  const expected = [
    ...tables.map((table) => `${SCHEMA}.${table.name}`),
    ...STATE_TABLES.map((table) => `__millrace.${table}`),
  ];
  return relations.flatMap((relation) => (relation === null || expected.includes(relation) ? [] : [relation]));
}

function leftStates(rows: readonly (string | null)[][]): string[] {
  const count = Number(rows[0]?.[0] ?? 0);
  return count === 0 ? [] : [`${count} rows in __millrace.segments`];
}

async function withPostgres<T>(url: string, work: (query: Query) => Promise<T>): Promise<T> {
  const client = new pg.Client(url);
  await client.connect();
  try {
    await client.query(`SET timezone = 'UTC'`);
    return await work(async (text) => {
      const { rows } = await client.query<(string | null)[]>({ text, rowMode: 'array' });
      return rows.map((row) => row.map((value) => (value === null ? null : String(value))));
    });
  } finally {
    await client.end();
  }
}

/** How two lists of records differ, in words; null when they hold the same. */
export function describeDifference(source: readonly string[], destination: readonly string[]): string | null {
  if (digestOf(source) === digestOf(destination)) return null;
  const missing = subtract(source, destination);
  const extra = subtract(destination, source);
  return `${source.length} records against ${destination.length}: ${missing.length} missing, ${extra.length} too many`;
}

function digestOf(lines: readonly string[]): string {
  return `${lines.length} ${createHash('sha256').update(lines.join('\n')).digest('hex')}`;
}

/** What `a` has and `b` has not, each as often as it is missing. */
export function subtract(a: readonly string[], b: readonly string[]): string[] {
  const counts = new Map<string, number>();
  for (const value of b) counts.set(value, (counts.get(value) ?? 0) + 1);
  return a.filter((value) => {
    const left = counts.get(value) ?? 0;
    counts.set(value, left - 1);
    return left <= 0;
  });
}
