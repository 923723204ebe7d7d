import { quoteName, quotePath, type Session } from '../../../connector-kit/duckdb/index.ts';
import { guardColumns, harmlessLoss, type LoadPlan, type LossGuard, tableText } from '../../../connector-kit/index.ts';
import { formatOf, type PartColumn, readParts } from './part-format.ts';

/** Files of one format with the columns that all of them have. */
export interface PartFiles {
  readonly paths: readonly string[];
  readonly columns: readonly PartColumn[];
}

/**
 * Stops a load that would take too many of a column's values away. What the footers of Parquet files say of NULLs costs nothing to
 * read; CSV files are read for it. @throws `LOSS_GUARD`
 */
export async function guardFileColumns(
  session: Session,
  plan: LoadPlan,
  live: PartFiles & { readonly records: number },
  incoming: PartFiles,
  guard: LossGuard,
): Promise<void> {
  if (harmlessLoss(live.records, guard) === null) return;
  const before = await countValues(session, live);
  const after = await countValues(session, incoming);
  const counts = plan.columns.flatMap(({ name, isKey }) => {
    const [held, kept] = [before.get(name), after.get(name)];
    return isKey || held === undefined || kept === undefined ? [] : [{ column: name, before: held, after: kept }];
  });
  guardColumns(tableText(plan.table), live.records, counts, guard);
}

/** Values that are not NULL, by column; a column whose footers do not tell is left out. */
async function countValues(session: Session, { paths, columns }: PartFiles): Promise<ReadonlyMap<string, number>> {
  if (paths.length === 0) return new Map();
  if (formatOf(paths[0] ?? '') === 'csv') return countByReading(session, { paths, columns });
  const rows = await session.rows(
    `SELECT path_in_schema AS name, sum(num_values - stats_null_count) AS held FROM parquet_metadata([${paths.map(quotePath).join(', ')}])
     GROUP BY ALL HAVING bool_and(stats_null_count IS NOT NULL)`,
  );
  return new Map(rows.map(({ name, held }) => [String(name), Number(held)]));
}

async function countByReading(session: Session, { paths, columns }: PartFiles): Promise<ReadonlyMap<string, number>> {
  const counts = columns.map(({ name }, i) => `count(${quoteName(name)}) AS n${i}`);
  const [row] = await session.rows(`SELECT ${counts.join(', ')} FROM ${readParts(paths, columns)}`);
  return new Map(columns.map(({ name }, i) => [name, Number(row?.[`n${i}`])]));
}
