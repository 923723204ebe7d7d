import type { LoadPlan } from '../../../connector-kit/index.ts';
import { SyncError } from '../../../core/index.ts';
import { quoteTable } from '../sql.ts';
import { ownColumnDefinitions } from './live-table.ts';

/** PostgreSQL's own limit, whatever its page size. */
const MAX_COLUMNS = 1600;

/** @throws `TABLE_TOO_WIDE` when the plan's columns and Millrace's own are more than PostgreSQL takes */
export function refuseTooWide(plan: LoadPlan): void {
  const own = ownColumnDefinitions(plan, 'now()').size;
  const count = plan.columns.length + own;
  if (count <= MAX_COLUMNS) return;
  throw new SyncError(
    'TABLE_TOO_WIDE',
    `${quoteTable(plan.table)} would have ${count} columns, ${own} of them Millrace’s own; PostgreSQL takes ${MAX_COLUMNS}. Select fewer fields, or leave out the record timestamps.`,
    { detail: { columns: count, limit: MAX_COLUMNS } },
  );
}
