import {
  type FoundField,
  type FoundRecords,
  type ModelReader,
  type ReadableTable,
  type ReadLimits,
  toDistinctNames,
  toSampleValue,
} from '../../connector-kit/index.ts';
import { SyncError } from '../../core/index.ts';
import type { Session, StreamedColumn, TextRow } from './client.ts';
import { toQueryError } from './models/query-errors.ts';
import { READABLE } from './schema.ts';
import { fromSchemaId, toSchemaId } from './schema-id.ts';
import type { SessionPool } from './sessions.ts';
import { COLUMNS } from './source/sample.ts';
import { quoteName, quoteTable } from './sql.ts';
import { describeType } from './types.ts';

const TABLES = `
  WITH readable AS (${READABLE}) SELECT nspname, relname, relkind FROM readable ORDER BY nspname, relname`;

/** Names of types as the catalogue prints them; a domain counts as its base type. */
const TYPES = `
  WITH RECURSIVE steps AS (
    SELECT u.place, u.oid, u.typmod FROM unnest($1::oid[], $2::int4[]) WITH ORDINALITY u (oid, typmod, place)
    UNION ALL SELECT s.place, t.typbasetype, t.typtypmod FROM steps s JOIN pg_type t ON t.oid = s.oid AND t.typtype = 'd')
  SELECT format_type(s.oid, s.typmod) AS type, t.typtype FROM steps s JOIN pg_type t ON t.oid = s.oid
  WHERE t.typtype <> 'd' ORDER BY s.place`;

/** Columns that alone have a unique key without a condition. */
const UNIQUE = `
  SELECT DISTINCT a.attname FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
  WHERE i.indrelid = to_regclass($1) AND i.indisunique AND i.indisvalid AND i.indnkeyatts = 1 AND i.indpred IS NULL`;

const RIGHTS = `
  SELECT current_setting('is_superuser') AS super, EXISTS (
    SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p') AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'
      AND has_table_privilege(c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE'))::text AS writes`;

const CURSOR = 'millrace_query';

/** Reads tables, views and queries of one database, each in a read-only transaction of a session that ends with it. */
export function createModelReader(pool: SessionPool): Required<ModelReader> {
  return {
    listTables: (signal) =>
      pool.use(signal, async (session) => (await session.query('Reading the tables', TABLES, [], signal)).map(toTable)),
    readTable: (id, limits, signal) =>
      inOwnSession(pool, limits, signal, async (session) => {
        const { statement, uniqueNames } = await toStatement(session, id, signal);
        const found = await readStatement(session, statement, limits, signal);
        const fields = found.fields.map((field) => ({ ...field, isUnique: uniqueNames.has(field.name) }));
        return { ...found, fields };
      }),
    readQuery: (text, limits, signal) =>
      inOwnSession(pool, limits, signal, async (session) => {
        const warnings = await listWarnings(session, signal);
        return { ...(await readStatement(session, text, limits, signal)), warnings };
      }),
  };
}

function toTable({ nspname, relname, relkind }: TextRow): ReadableTable {
  return {
    id: toSchemaId({ schema: nspname ?? '', name: relname ?? '' }),
    kind: relkind === 'v' || relkind === 'm' ? 'view' : 'table',
  };
}

/** A query may leave settings, locks and temporary things in its session, so nobody gets that afterwards. */
async function inOwnSession<Result>(
  pool: SessionPool,
  { timeoutMs }: ReadLimits,
  signal: AbortSignal,
  work: (session: Session) => Promise<Result>,
): Promise<Result> {
  const session = await pool.acquire(signal);
  try {
    // Once a statement has seen a snapshot, nothing makes the transaction a writing one.
    const begin = `BEGIN READ ONLY; SET LOCAL statement_timeout = ${timeoutMs}; SET LOCAL lock_timeout = ${timeoutMs}; SELECT 1`;
    await session.script('Beginning to read', begin, signal);
    return await work(session);
  } catch (error) {
    throw toQueryError(error, timeoutMs);
  } finally {
    await session[Symbol.asyncDispose]();
  }
}

/** The statement is parsed as one: whatever it holds, no second one is behind it. */
async function readStatement(
  session: Session,
  text: string,
  { maxRecords, maxBytes }: ReadLimits,
  signal: AbortSignal,
): Promise<FoundRecords> {
  await session.executeOne('The query', `DECLARE ${CURSOR} NO SCROLL CURSOR FOR ${text}`, signal);
  const rows: (readonly (string | null)[])[] = [];
  let bytes = 0;
  let isComplete = true;
  const take = (values: readonly (string | null)[]): boolean => {
    bytes += values.reduce((sum, value) => sum + Buffer.byteLength(value ?? ''), 0);
    isComplete = rows.length < maxRecords && bytes <= maxBytes;
    if (isComplete) rows.push(values);
    return isComplete;
  };
  // One more than wanted tells whether there are more.
  const count = maxRecords === 0 ? 0 : maxRecords + 1;
  const columns = await describeBefore(session, signal);
  if (count > 0) await session.stream('The query', `FETCH FORWARD ${count} FROM ${CURSOR}`, take, signal);
  return toFound(columns, rows, isComplete);
}

/** Types are named before reading begins: a reading that is stopped takes the session with it. */
async function describeBefore(session: Session, signal: AbortSignal): Promise<readonly FoundField[]> {
  const columns = await session.stream('The query', `FETCH FORWARD 0 FROM ${CURSOR}`, () => true, signal);
  const types = await nameTypes(session, columns, signal);
  const names = toDistinctNames(columns.map(({ name }) => name));
  return names.map((name, index) => {
    const { type: remoteType = '', typtype } = types[index] ?? {};
    const { type } = describeType(remoteType ?? '', { isComposite: typtype === 'c' });
    return { name, type, remoteType: remoteType ?? '', isUnique: false };
  });
}

function nameTypes(
  session: Session,
  columns: readonly StreamedColumn[],
  signal: AbortSignal,
): Promise<readonly TextRow[]> {
  const oids = columns.map(({ dataTypeID }) => dataTypeID);
  const modifiers = columns.map(({ dataTypeModifier }) => dataTypeModifier);
  return session.query('Naming the types', TYPES, [oids, modifiers], signal);
}

function toFound(
  fields: readonly FoundField[],
  rows: readonly (readonly (string | null)[])[],
  isComplete: boolean,
): FoundRecords {
  const types = fields.map(({ remoteType }) => describeType(remoteType).logicalType);
  const records = rows.map((row) =>
    Object.fromEntries(fields.map(({ name }, index) => [name, toSampleValue(row[index] ?? null, types[index])])),
  );
  return { fields, records, isComplete, warnings: [] };
}

async function toStatement(session: Session, id: string, signal: AbortSignal) {
  const table = quoteTable(fromSchemaId(id));
  const columns = await session.query(`Reading the columns of ${table}`, COLUMNS, [table], signal);
  if (columns.length === 0) {
    throw new SyncError('QUERY_FAILED', `There is no table or view ${id} that the user of the connection may read.`);
  }
  const unique = await session.query(`Reading the keys of ${table}`, UNIQUE, [table], signal);
  const list = columns.map(({ attname }) => quoteName(attname ?? '')).join(', ');
  return {
    statement: `SELECT ${list} FROM ${table}`,
    uniqueNames: new Set(unique.map(({ attname }) => attname)),
  };
}

/** A read-only transaction keeps tables from being written, not everything else that a powerful user may do. */
async function listWarnings(session: Session, signal: AbortSignal): Promise<readonly string[]> {
  const [rights] = await session.query('Reading the rights of the user', RIGHTS, [], signal);
  if (rights?.super === 'on')
    return ['The user of the connection is a superuser. Let queries run as a user that may only read.'];
  if (rights?.writes === 'true')
    return ['The user of the connection may write tables. Let queries run as a user that may only read.'];
  return [];
}
