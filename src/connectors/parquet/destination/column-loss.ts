import { quotePath, type Session } from '../../../connector-kit/duckdb/index.ts';
import { guardColumns, harmlessLoss, type LoadPlan, type LossGuard, tableText } from '../../../connector-kit/index.ts';
import type { Manifest } from './table-state.ts';

/**
 * Stops a load that would take too many of a column's values away. What the files' footers say of NULLs costs nothing to
 * read. @throws `LOSS_GUARD`
 */
export async function guardFileColumns(
  session: Session,
  plan: LoadPlan,
  live: { readonly manifest: Manifest; readonly paths: readonly string[] },
  paths: readonly string[],
  guard: LossGuard,
): Promise<void> {
  const { records } = live.manifest;
  if (harmlessLoss(records, guard) === null) return;
  const before = await countValues(session, live.paths);
  const after = await countValues(session, paths);
  const counts = plan.columns.flatMap(({ name, isKey }) => {
    const [held, kept] = [before.get(name), after.get(name)];
    return isKey || held === undefined || kept === undefined ? [] : [{ column: name, before: held, after: kept }];
  });
  guardColumns(tableText(plan.table), records, counts, guard);
}

/** Values that are not NULL, by column; a column whose footers do not tell is left out. */
async function countValues(session: Session, paths: readonly string[]): Promise<ReadonlyMap<string, number>> {
  if (paths.length === 0) return new Map();
  const rows = await session.rows(
    `SELECT path_in_schema AS name, sum(num_values - stats_null_count) AS held FROM parquet_metadata([${paths.map(quotePath).join(', ')}])
     GROUP BY ALL HAVING bool_and(stats_null_count IS NOT NULL)`,
  );
  return new Map(rows.map(({ name, held }) => [String(name), Number(held)]));
}
