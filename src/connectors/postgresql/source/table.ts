import type { TableName } from '../../../connector-kit/index.ts';
import type { Session } from '../client.ts';
import { quoteTable } from '../sql.ts';

/** A table's own records are read without those of tables that inherit from it: these are tables of their own. */
export function toFrom(table: TableName, only: boolean): string {
  return `${only ? 'ONLY ' : ''}${quoteTable(table)}`;
}

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
