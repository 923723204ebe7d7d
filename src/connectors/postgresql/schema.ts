import type { FieldAssociation, FieldDescription, PickValue, SchemaDescription } from '../../core/index.ts';
import type { Session, TextRow } from './client.ts';
import { toSchemaId } from './schema-id.ts';
import { describeType, isBinaryType } from './types.ts';

/**
 * Tables, views, materialized views, partitioned tables (not their partitions) and foreign tables whose data the user
 * may read, at least in part; without the system's and without Millrace's own.
 */
export const READABLE = `
  SELECT c.oid, n.nspname, c.relname, c.relkind, c.reltuples, c.relpages,
    has_table_privilege(c.oid, 'SELECT') AS whole
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition AND c.relpersistence <> 't' AND c.relispopulated
    AND n.nspname <> 'information_schema' AND n.nspname !~ '^(pg_|__millrace)' AND c.relname !~ '^__millrace_'
    AND has_schema_privilege(n.oid, 'USAGE')
    AND (has_table_privilege(c.oid, 'SELECT') OR has_any_column_privilege(c.oid, 'SELECT'))`;

/** Sizes of a partitioned table are its partitions'; -1 tuples mean that nobody has counted yet. */
const TABLES = `
  WITH readable AS MATERIALIZED (${READABLE}), parts AS (
    SELECT r.oid, sum(c.reltuples) FILTER (WHERE c.reltuples >= 0) AS reltuples, sum(c.relpages) AS relpages
    FROM readable r CROSS JOIN LATERAL pg_partition_tree(r.oid) t JOIN pg_class c ON c.oid = t.relid AND t.isleaf
    WHERE r.relkind = 'p' GROUP BY r.oid)
  SELECT r.oid::text, r.nspname, r.relname, coalesce(p.reltuples, nullif(r.reltuples, -1))::bigint::text AS records,
    (coalesce(p.relpages, r.relpages)::bigint * current_setting('block_size')::bigint)::text AS bytes, r.relkind,
    CASE WHEN row_security_active(r.oid) THEN current_user::text END AS bound
  FROM readable r LEFT JOIN parts p ON p.oid = r.oid ORDER BY r.nspname, r.relname`;

/**
 * A domain is described by its base type: its values are on the wire as that type's. Of domains over domains only the
 * innermost can have a precision.
 */
const COLUMNS = `
  WITH RECURSIVE readable AS MATERIALIZED (${READABLE}), steps AS (
    SELECT oid AS domain, typbasetype AS base, typtypmod AS typmod FROM pg_type WHERE typtype = 'd'
    UNION ALL SELECT s.domain, t.typbasetype, t.typtypmod FROM steps s JOIN pg_type t ON t.oid = s.base AND t.typtype = 'd'),
  domains AS (SELECT s.* FROM steps s JOIN pg_type t ON t.oid = s.base AND t.typtype <> 'd')
  SELECT r.oid::text, a.attname, a.attnum::text, a.attnotnull, a.attgenerated, t.oid::text AS typeoid, t.typtype,
    format_type(t.oid, CASE WHEN d.base IS NULL THEN a.atttypmod ELSE d.typmod END) AS type,
    CASE WHEN n.nspname <> 'pg_catalog' THEN quote_ident(n.nspname) END AS typeschema
  FROM readable r JOIN pg_attribute a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
  LEFT JOIN domains d ON d.domain = a.atttypid
  JOIN pg_type t ON t.oid = coalesce(d.base, a.atttypid) JOIN pg_namespace n ON n.oid = t.typnamespace
  WHERE r.whole OR has_column_privilege(r.oid, a.attnum, 'SELECT') ORDER BY r.oid, a.attnum`;

const PRIMARY_KEYS = `
  SELECT k.conrelid::text AS oid, a.attname FROM pg_constraint k
  CROSS JOIN LATERAL unnest(k.conkey) WITH ORDINALITY AS c (attnum, place)
  JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = c.attnum
  WHERE k.contype = 'p' ORDER BY k.conrelid, c.place`;

const FOREIGN_KEYS = `
  SELECT k.conrelid::text AS oid, a.attname, k.conname, n.nspname AS schema, f.relname AS table, b.attname AS referenced
  FROM pg_constraint k
  CROSS JOIN LATERAL unnest(k.conkey, k.confkey) AS c (attnum, refnum)
  JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = c.attnum
  JOIN pg_attribute b ON b.attrelid = k.confrelid AND b.attnum = c.refnum
  JOIN pg_class f ON f.oid = k.confrelid JOIN pg_namespace n ON n.oid = f.relnamespace
  WHERE k.contype = 'f' ORDER BY k.conname DESC`;

const ENUM_VALUES = 'SELECT enumtypid::text AS oid, enumlabel FROM pg_enum ORDER BY enumtypid, enumsortorder';

/** Every table that the user may read: five statements, however many tables there are. */
export async function discoverSchemas(session: Session, signal: AbortSignal): Promise<readonly SchemaDescription[]> {
  const read = (what: string, sql: string) => session.query(`Reading the ${what}`, sql, [], signal);
  const tables = await read('tables', TABLES);
  const facts: Facts = {
    columns: groupBy(await read('columns', COLUMNS), (row) => row.oid),
    keys: groupBy(await read('primary keys', PRIMARY_KEYS), (row) => row.oid),
    associations: new Map(
      (await read('foreign keys', FOREIGN_KEYS)).map((row) => [`${row.oid} ${row.attname}`, toAssociation(row)]),
    ),
    values: groupBy(await read('enum values', ENUM_VALUES), (row) => row.oid),
  };
  // A table without columns holds nothing that could be copied, and a sync that selects it could never succeed.
  return tables.filter(({ oid }) => facts.columns.has(oid ?? '')).map((table) => toSchema(table, facts));
}

/** What the catalogue says beside the list of tables, by the table's or type's OID as text. */
interface Facts {
  readonly columns: ReadonlyMap<string, readonly TextRow[]>;
  readonly keys: ReadonlyMap<string, readonly TextRow[]>;
  /** By OID, a space, and the column's name. */
  readonly associations: ReadonlyMap<string, FieldAssociation>;
  readonly values: ReadonlyMap<string, readonly TextRow[]>;
}

function toSchema(table: TextRow, facts: Facts): SchemaDescription {
  const oid = table.oid ?? '';
  const columns = facts.columns.get(oid) ?? [];
  const keyNames = (facts.keys.get(oid) ?? []).map((row) => row.attname ?? '');
  // A key of which the user may not read every column identifies nothing.
  const isWhole = keyNames.every((name) => columns.some((column) => column.attname === name));
  const primaryKey = isWhole ? keyNames : [];
  const name = table.relname ?? '';
  return {
    id: toSchemaId({ schema: table.nspname ?? '', name }),
    name,
    fields: columns.map((column) => toField(column, primaryKey, facts)),
    primaryKey,
    estimatedRecords: toCount(table.records),
    estimatedBytes: table.relkind === 'v' || table.relkind === 'f' || table.bytes === '0' ? null : toCount(table.bytes),
    ...(table.bound == null ? {} : { notes: [describeBound(table.bound)] }),
  };
}

/** Also where its policies show everything today. */
function describeBound(user: string): string {
  return `Row-level security binds ${user} in the source: records that its policies hide are no part of the image, and count as absent.`;
}

function toField(column: TextRow, primaryKey: readonly string[], facts: Facts): FieldDescription {
  const name = column.attname ?? '';
  const remoteType = toRemoteType(column);
  const association = facts.associations.get(`${column.oid} ${name}`);
  const values = facts.values.get(column.typeoid ?? '')?.map(toPickValue);
  const described = describeType(remoteType, { isComposite: column.typtype === 'c' });
  const isGenerated = column.attgenerated !== '';
  return {
    id: name,
    name,
    ...described,
    canTrack: described.canTrack && !isGenerated,
    remoteType,
    isNullable: column.attnotnull !== 't',
    isPrimaryKey: primaryKey.includes(name),
    // A new table of the same name has another number, so its columns are no renamed ones.
    stableId: `${column.oid}.${column.attnum}`,
    ...(isGenerated ? { isGenerated } : {}),
    ...(association === undefined ? {} : { association }),
    ...(values === undefined ? {} : { values }),
  };
}

/** A type of the user that has a built-in one's name, and comes first in the search path, must not pass for it. */
function toRemoteType({ type, typeschema }: TextRow): string {
  const name = type ?? '';
  const isImpostor = typeschema !== null && typeschema !== undefined && isBinaryType(name);
  return isImpostor ? `${typeschema}.${name}` : name;
}

function toAssociation(row: TextRow): FieldAssociation {
  return {
    id: row.conname ?? '',
    name: row.conname ?? '',
    referenceTo: [toSchemaId({ schema: row.schema ?? '', name: row.table ?? '' })],
    referencedField: row.referenced ?? '',
  };
}

function toPickValue(row: TextRow): PickValue {
  return { label: row.enumlabel ?? '', value: row.enumlabel ?? '' };
}

/** Estimates only, so a rounded number does no harm. */
function toCount(text: string | null | undefined): number | null {
  return text === null || text === undefined ? null : Number(text);
}

function groupBy(rows: readonly TextRow[], keyOf: (row: TextRow) => string | null | undefined): Map<string, TextRow[]> {
  const groups = new Map<string, TextRow[]>();
  for (const row of rows) {
    const key = keyOf(row) ?? '';
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [row]);
    else group.push(row);
  }
  return groups;
}
