import { quoteName, quoteTable, type Session, sameKey } from '../../../connector-kit/duckdb/index.ts';
import { guardColumns, harmlessLoss, type LoadPlan, type LossGuard, tableText } from '../../../connector-kit/index.ts';
import type { CatalogueTable } from './catalogue.ts';
import { isAlive } from './history.ts';
import { namesOf } from './load-names.ts';

/** Records before a publication: live ones, tombstones aside, and the most whose values can change or go. */
interface Touched {
  readonly live: number;
  readonly touched: number;
}

/** Stops a complete load that would take too many of a column's values away. @throws `LOSS_GUARD` */
export async function guardCompleteColumns(
  session: Session,
  plan: LoadPlan,
  live: CatalogueTable,
  records: Touched,
  guard: LossGuard,
): Promise<void> {
  const columns = listEndangered(plan, live, records, guard);
  if (columns.length === 0) return;
  const before = await countAlive(session, plan, live, columns);
  const after = await countValues(session, columns, `${quoteTable(namesOf(plan).work)} AS l`);
  const counts = columns.map((column, index) => ({ column, before: before[index] ?? 0, after: after[index] ?? 0 }));
  guardColumns(tableText(plan.table), records.live, counts, guard);
}

/** The same for a delta, whose records lie over the live ones. @throws `LOSS_GUARD` */
export async function guardDeltaColumns(
  session: Session,
  plan: LoadPlan,
  live: CatalogueTable,
  records: Touched,
  guard: LossGuard,
): Promise<void> {
  const columns = listEndangered(plan, live, records, guard);
  if (columns.length === 0) return;
  const keys = plan.columns.filter(({ isKey }) => isKey);
  const emptied = columns.map((name, index) => {
    const column = quoteName(name);
    return `count(*) FILTER (WHERE l.${column} IS NOT NULL AND s.${column} IS NULL) AS c${index}`;
  });
  const [row] = await session.rows(
    `SELECT ${emptied.join(', ')} FROM ${quoteTable(namesOf(plan).work)} AS s JOIN ${quoteTable(live.table)} AS l ON ${sameKey(keys, 's', 'l')} WHERE ${isAlive(plan, live)}`,
  );
  const before = await countAlive(session, plan, live, columns);
  const counts = columns.map((column, index) => {
    const held = before[index] ?? 0;
    return { column, before: held, after: held - Number(row?.[`c${index}`] ?? 0) };
  });
  guardColumns(tableText(plan.table), records.live, counts, guard);
}

/** Columns of which too many values could go; none where too few records are touched for that. */
function listEndangered(
  plan: LoadPlan,
  live: CatalogueTable,
  { live: records, touched }: Touched,
  guard: LossGuard,
): readonly string[] {
  const harmless = harmlessLoss(records, guard);
  if (harmless === null || touched <= harmless) return [];
  return plan.columns.filter(({ name, isKey }) => !isKey && live.typeOf(name) !== undefined).map(({ name }) => name);
}

function countAlive(
  session: Session,
  plan: LoadPlan,
  live: CatalogueTable,
  columns: readonly string[],
): Promise<readonly number[]> {
  return countValues(session, columns, `${quoteTable(live.table)} AS l WHERE ${isAlive(plan, live)}`);
}

async function countValues(session: Session, columns: readonly string[], from: string): Promise<readonly number[]> {
  const counts = columns.map((column, index) => `count(l.${quoteName(column)}) AS c${index}`);
  const [row] = await session.rows(`SELECT ${counts.join(', ')} FROM ${from}`);
  return columns.map((_, index) => Number(row?.[`c${index}`] ?? 0));
}
