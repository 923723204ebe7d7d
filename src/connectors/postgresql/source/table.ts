import type { TableName } from '../../../connector-kit/index.ts';
import type { Session } from '../client.ts';
import { quoteTable } from '../sql.ts';

/** A table's own records are read without those of tables that inherit from it: these are tables of their own. */
export function toFrom(table: TableName, only: boolean): string {
  return `${only ? 'ONLY ' : ''}${quoteTable(table)}`;
}

/**
 * True when the records that the snapshot saw can no longer all be read: TRUNCATE, rewrites and DROP are seen by older
 * snapshots too, as an empty table. Asked behind the read, whose lock keeps others away until the transaction ends.
 */
export async function hasLostRecords(session: Session, table: TableName, signal: AbortSignal): Promise<boolean> {
  const rows = await session.query(
    `Looking again at ${quoteTable(table)}`,
    REWRITTEN,
    [table.schema, table.name],
    signal,
  );
  return rows.length > 0;
}

/** The catalogue shows what was there at the snapshot, the function what is there now. Mapped tables have no number. */
const REWRITTEN = `
  WITH RECURSIVE tree AS (
    SELECT c.oid, c.relkind, c.relfilenode FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relname = $2
    UNION ALL SELECT c.oid, c.relkind, c.relfilenode FROM tree t JOIN pg_inherits i ON i.inhparent = t.oid JOIN pg_class c ON c.oid = i.inhrelid
    WHERE t.relkind = 'p')
  SELECT FROM tree WHERE relkind IN ('r', 'm') AND relfilenode <> 0 AND relfilenode IS DISTINCT FROM pg_relation_filenode(oid) LIMIT 1`;

/** True for a table with pages of its own, false for views, partitioned and foreign tables. */
export async function isPlain(session: Session, table: TableName, signal: AbortSignal): Promise<boolean> {
  const rows = await session.query(
    `Looking at ${quoteTable(table)}`,
    `SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relname = $2 AND c.relkind IN ('r', 'm')`,
    [table.schema, table.name],
    signal,
  );
  return rows.length > 0;
}
