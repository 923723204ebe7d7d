import type { LoadPlan, PackWay } from '../../../../connector-kit/index.ts';
import { SyncError } from '../../../../core/index.ts';
import type { Session, TextRow } from '../../client.ts';
import { quoteTable } from '../../sql.ts';
import { listForsaken, listTypeChanges } from '../fit.ts';
import { type LiveTable, refuseOwnNames, toAddColumns } from '../live-table.ts';
import { readLiveTables } from '../live-tables.ts';
import { toKeyName, toScratchPrefix } from '../naming.ts';
import { refuseTooWide } from '../table-width.ts';

/** How a table of a pack is loaded, and what the catalogue says of it. */
export interface Way {
  readonly way: PackWay;
  readonly live: LiveTable | null;
}

/** What our own state says of each table. `busy`: an earlier load has left something, or is under way. */
const STATE = `
  SELECT o.sync_id, o.schema_id, o.adopted, to_regclass(n.key_table) IS NOT NULL AS key_taken,
    f.generation >= n.generation OR f.pid IS NOT NULL
      OR EXISTS (SELECT FROM pg_class s WHERE s.relname > n.prefix::name AND s.relname < (n.prefix || ':')::name)
      OR EXISTS (SELECT FROM __millrace.segments s WHERE s.sync_id = $1 AND s.schema_id = n.schema_id) AS busy
  FROM unnest($2::text[], $3::text[], $4::text[], $5::bigint[], $6::text[], $7::text[])
    WITH ORDINALITY n (table_schema, table_name, schema_id, generation, prefix, key_table, no)
  LEFT JOIN LATERAL (
    SELECT * FROM __millrace.owners o WHERE o.table_schema = n.table_schema AND o.table_name = n.table_name LIMIT 1) o ON true
  LEFT JOIN LATERAL (SELECT * FROM __millrace.fences f WHERE f.sync_id = $1 AND f.schema_id = n.schema_id LIMIT 1) f ON true
  ORDER BY n.no`;

/** Decides each table's way. What is not plain is left to the table's own load, which does it or says why not. */
export async function findWays(
  session: Session,
  plans: readonly LoadPlan[],
  signal: AbortSignal,
): Promise<readonly Way[]> {
  const keyTables = plans.map(({ table }) => quoteTable({ schema: table.schema, name: toKeyName(table) }));
  const tables = await readLiveTables(
    session,
    plans.map(({ table }) => table),
    signal,
  );
  const rows = await session.query(
    'Looking at the tables of a pack',
    STATE,
    [
      plans[0]?.syncId,
      plans.map(({ table }) => table.schema),
      plans.map(({ table }) => table.name),
      plans.map(({ schemaId }) => schemaId),
      plans.map(({ generation }) => generation),
      plans.map(toScratchPrefix),
      keyTables,
    ],
    signal,
  );
  return plans.map((plan, index) => {
    const row = rows[index] ?? {};
    const live = tables[index] ?? null;
    const isKeyFree = row.key_taken !== 't' && keyTables.indexOf(keyTables[index] ?? '') === index;
    const isPossible = row.busy !== 't' && row.adopted !== 't' && !isRefused(plan) && !isForeign(plan, row);
    if (!isPossible) return { way: 'alone', live };
    return { way: live === null ? toWayOfNew(plan, isKeyFree) : toWayOfKnown(plan, live, row), live };
  });
}

/** A declared key may not be one; the table's own load finds that out, and says so. */
function toWayOfNew(plan: LoadPlan, isKeyFree: boolean): PackWay {
  const isKeyed = plan.columns.some(({ isKey }) => isKey);
  return plan.kind === 'replace' && plan.isKeyDeclared !== true && (isKeyFree || !isKeyed) ? 'load' : 'alone';
}

/** Only where every column already is what the plan wants, equal sums mean equal tables. */
function toWayOfKnown(plan: LoadPlan, live: LiveTable, row: TextRow): PackWay {
  if (plan.kind !== 'merge' || row.sync_id === null || !live.isPlain || live.mayHide) return 'alone';
  const isFitting =
    plan.columns.every(({ name, type }) => live.columns.get(name) === type) &&
    listTypeChanges(plan, live).length + listForsaken(plan, live).length + toAddColumns(plan, live).length === 0;
  // Tombstones that are no longer kept have to go.
  const isPurged = plan.tombstones || !live.columns.has(`${plan.columnPrefix}deleted_at`);
  return isFitting && isPurged ? 'compare' : 'alone';
}

function isForeign(plan: LoadPlan, row: TextRow): boolean {
  return row.sync_id != null && (row.sync_id !== plan.syncId || row.schema_id !== plan.schemaId);
}

function isRefused(plan: LoadPlan): boolean {
  try {
    refuseOwnNames(plan);
    refuseTooWide(plan);
    return false;
  } catch (error) {
    if (error instanceof SyncError) return true;
    throw error;
  }
}
