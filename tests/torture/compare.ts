import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { DuckDBInstance } from '@duckdb/node-api';
import pg from 'pg';
import { normalizeText, toDuckdbText, toSourceText } from '../setup/random/type-texts.ts';
import type { ColumnKind, TortureTable } from './source-tables.ts';

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
  /** False: there is no such table. */
  readonly exists: boolean;
}

/** Everything that a destination holds. */
export interface DestinationImage {
  readonly tables: ReadonlyMap<string, TableImage>;
  /** Relations that should not be there: shadows, stages, files. */
  readonly strays: readonly string[];
}

/** Reads the source. Some types have another text where they are to be compared with a file's. */
export function readSource(
  url: string,
  tables: readonly TortureTable[],
  destination: 'postgresql' | 'duckdb' | 'parquet',
): Promise<ReadonlyMap<string, TableImage>> {
  const dialect = destination === 'postgresql' ? SENT_TO_POSTGRESQL : SENT_TO_DUCKDB;
  return withPostgres(url, (query) => readTables(dialect, query, tables, ''));
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
    const states = await query('SELECT count(*)::text FROM __millrace.segments').catch(() => []);
    return {
      tables: await readTables(POSTGRESQL, query, tables, `${SCHEMA}.`),
      strays: [...straysAmong(relations.flat(), tables), ...leftStates(states)],
    };
  });
}

/** Reads a DuckDB file whole. It must be closed: nobody else may hold it. */
export async function readDuckdbDestination(file: string, tables: readonly TortureTable[]): Promise<DestinationImage> {
  const instance = await openFile(file);
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

/** A server that takes up what is over already opens the file once more, for a moment. */
async function openFile(file: string): Promise<DuckDBInstance> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await DuckDBInstance.create(file, { access_mode: 'READ_ONLY' });
    } catch (error) {
      if (attempt > 50 || !/Could not set lock/.test(String(error))) throw error;
      await delay(200);
    }
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
      if (!existsSync(dirname(files))) continue;
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
  if (!existsSync(join(table, 'current'))) return [];
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
  readonly asText: Readonly<Record<Extract<ColumnKind, string>, (column: string) => string>>;
  readonly byteLength: string;
  /** Of a column of some other type. */
  typed(column: string, type: string): string;
  normalize(value: unknown, type: string): unknown;
}

const POSTGRESQL: Dialect = {
  typed: (column) => `${column}::text`,
  normalize: (value) => value,
  asText: {
    text: (column) => `${column}::text`,
    time: (column) => `(extract(epoch FROM ${column}) * 1000000)::bigint::text`,
    bytes: (column) => `encode(${column}, 'hex')`,
  },
  byteLength: 'octet_length',
};

const SENT_TO_POSTGRESQL: Dialect = {
  ...POSTGRESQL,
  typed: (column, type) => (type === 'money' ? `${column}::numeric::text` : `${column}::text`),
};

const SENT_TO_DUCKDB: Dialect = { ...POSTGRESQL, typed: toSourceText, normalize: normalizeText };

const DUCKDB: Dialect = {
  typed: toDuckdbText,
  normalize: normalizeText,
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

const NO_TABLE: TableImage = { hashes: [], keys: [], deletedKeys: [], amounts: 0n, exists: false };

async function readTable(dialect: Dialect, query: Query, table: TortureTable, prefix: string): Promise<TableImage> {
  const name = `${prefix}${table.name}`;
  const schema = prefix === '' ? 'public' : SCHEMA;
  const found = await query(
    `SELECT column_name FROM information_schema.columns WHERE table_schema = '${schema}' AND table_name = '${table.name}'`,
  );
  const columns = new Set(found.flat());
  if (columns.size === 0) return NO_TABLE;
  // A column that the table lacks shows as a difference, where the source has values in it.
  const texts = Object.entries(table.columns).map(([column, kind]) => {
    if (!columns.has(column)) return `CAST(NULL AS VARCHAR)`;
    return typeof kind === 'string' ? dialect.asText[kind](column) : dialect.typed(column, kind.type);
  });
  const hasTombstones = columns.has('__millrace_deleted_at');
  const key = table.key.map((column) => dialect.asText.text(column)).join(` || ' ' || `) || 'NULL';
  const deleted = hasTombstones ? '__millrace_deleted_at IS NOT NULL' : 'false';
  const facts = `${key}, CAST(amount AS VARCHAR), CASE WHEN ${deleted} THEN 'deleted' END`;
  const rows = isTyped(table)
    ? (await query(`SELECT ${facts}, ${texts.join(', ')} FROM ${name}`)).map((row) => hashHere(dialect, table, row))
    : await query(`SELECT ${hashThere(dialect, texts)}, ${facts} FROM ${name}`);
  const live = rows.filter((row) => row[3] === null);
  return {
    hashes: live.map((row) => row[0] ?? '').sort(),
    keys: table.key.length === 0 ? [] : live.map((row) => row[1] ?? '').sort(),
    deletedKeys: rows
      .filter((row) => row[3] !== null)
      .map((row) => row[1] ?? '')
      .sort(),
    amounts: live.reduce((sum, row) => sum + BigInt(row[2] ?? 0), 0n),
    exists: true,
  };
}

const isTyped = ({ columns }: TortureTable): boolean => Object.values(columns).some((kind) => typeof kind !== 'string');

/** One text per field, told apart by its length, so that no two records look alike. */
function hashThere(dialect: Dialect, texts: readonly string[]): string {
  const fields = texts.map(
    (text) => `coalesce(CAST(${dialect.byteLength}(${text}) AS VARCHAR) || ':' || ${text}, '-')`,
  );
  return `md5(${fields.join(' || ')})`;
}

/** The same of texts that have to be made alike first. */
function hashHere(
  { normalize }: Dialect,
  { columns }: TortureTable,
  [key = null, amount = null, deleted = null, ...texts]: readonly (string | null)[],
): (string | null)[] {
  const types = Object.values(columns).map((kind) => (typeof kind === 'string' ? 'text' : kind.type));
  const fields = texts.map((text, index) => {
    const normal = normalize(text, types[index] ?? '');
    return normal === null ? '-' : `${String(normal).length}:${normal}`;
  });
  return [fields.join(' '), key, amount, deleted];
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
    await client.query(`SET timezone = 'UTC'; SET IntervalStyle = 'iso_8601'; SET extra_float_digits = 3`);
    return await work(async (text) => {
      const { rows } = await client.query<(string | null)[]>({ text, rowMode: 'array' });
      return rows.map((row) => row.map((value) => (value === null ? null : String(value))));
    });
  } finally {
    await client.end();
  }
}

const shorten = (record: string | undefined): string => record?.slice(0, 500) ?? 'nothing';

/** How two lists of records differ, in words; null when they hold the same. */
export function describeDifference(source: readonly string[], destination: readonly string[]): string | null {
  if (digestOf(source) === digestOf(destination)) return null;
  const missing = subtract(source, destination);
  const extra = subtract(destination, source);
  return `${source.length} records against ${destination.length}: ${missing.length} missing, ${extra.length} too many, such as ${shorten(missing[0])} and ${shorten(extra[0])}`;
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
