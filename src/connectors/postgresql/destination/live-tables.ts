import type { TableName } from '../../../connector-kit/index.ts';
import type { Session, TextRow } from '../client.ts';
import type { LiveTable } from './live-table.ts';
import { MAY_HIDE } from './row-security.ts';

const TABLES = `
  SELECT c.oid::text AS oid, c.relkind = 'r' AND NOT c.relispartition AS plain, c.oid IS NOT NULL AND ${MAY_HIDE} AS hides, cols.*, keys.names AS keys
  FROM unnest($1::text[], $2::text[]) WITH ORDINALITY n (table_schema, table_name, no)
  LEFT JOIN pg_namespace ns ON ns.nspname = n.table_schema::name
  LEFT JOIN LATERAL (SELECT * FROM pg_class c WHERE c.relnamespace = ns.oid AND c.relname = n.table_name::name LIMIT 1) c ON true
  LEFT JOIN LATERAL (
    SELECT json_agg(a.attname ORDER BY a.attnum) AS names,
      json_agg(CASE WHEN t.typtype = 'd' THEN format_type(t.typbasetype, t.typtypmod) ELSE format_type(a.atttypid, a.atttypmod) END ORDER BY a.attnum) AS types,
      json_agg(a.attnotnull AND NOT a.atthasdef AND a.attidentity = '' ORDER BY a.attnum) AS required,
      json_agg(a.attgenerated <> '' OR a.attidentity = 'a' ORDER BY a.attnum) AS computed
    FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) cols ON c.oid IS NOT NULL
  LEFT JOIN LATERAL (
    SELECT json_agg(a.attname ORDER BY k.place) AS names
    FROM pg_index i CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY AS k (attnum, place)
    JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum WHERE i.indrelid = c.oid AND i.indisprimary) keys ON c.oid IS NOT NULL
  ORDER BY n.no`;

/** `readLiveTable` for many tables at once, in their order. */
export async function readLiveTables(
  session: Session,
  tables: readonly TableName[],
  signal: AbortSignal,
): Promise<readonly (LiveTable | null)[]> {
  const names = [tables.map(({ schema }) => schema), tables.map(({ name }) => name)];
  const rows = await session.query('Looking at the destination’s tables', TABLES, names, signal);
  return tables.map((_, index) => toLive(rows[index] ?? {}));
}

function toLive(row: TextRow): LiveTable | null {
  if (row.oid == null) return null;
  // Made by json_agg above, of texts and of booleans.
  const names = JSON.parse(row.names ?? '[]') as readonly string[];
  const types = JSON.parse(row.types ?? '[]') as readonly string[];
  const named = (which: 'required' | 'computed') => {
    const facts = JSON.parse(row[which] ?? '[]') as readonly boolean[];
    return new Set(names.filter((_, index) => facts[index]));
  };
  return {
    oid: row.oid,
    isPlain: row.plain === 't',
    columns: new Map(names.map((name, index) => [name, types[index] ?? ''])),
    primaryKey: JSON.parse(row.keys ?? '[]') as readonly string[],
    required: named('required'),
    computed: named('computed'),
    mayHide: row.hides === 't',
  };
}
