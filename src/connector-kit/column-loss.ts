import { SyncError } from '../core/index.ts';
import type { LossGuard } from './load.ts';

/** How many records of the live table hold a value in a column, now and after the publication. */
export interface ColumnCounts {
  readonly column: string;
  readonly before: number;
  readonly after: number;
}

/** Values of a column below which their loss is part of how records live: a mark is set and taken away again. */
const MIN_VALUES = 1_000;
/** Share of the live records that hold a value, for the same reason. */
const MIN_SHARE = 0.1;

/**
 * The most values that a column may lose, of a table with so many live records, without that its values need be counted;
 * null = the guard is off, or the table too small to have a column that it looks at.
 */
export function harmlessLoss(live: number, { maxLossPercent }: LossGuard): number | null {
  if (maxLossPercent >= 100 || live < MIN_VALUES) return null;
  return (Math.max(MIN_VALUES, live * MIN_SHARE) * maxLossPercent) / 100;
}

/** @throws `LOSS_GUARD` naming the first column that would keep fewer of its values than the guard allows */
export function guardColumns(table: string, live: number, counts: readonly ColumnCounts[], guard: LossGuard): void {
  const { maxLossPercent } = guard;
  for (const { column, before, after } of counts) {
    const isLookedAt = before >= Math.max(MIN_VALUES, live * MIN_SHARE);
    const lost = Math.max(0, before - after);
    if (!isLookedAt || lost * 100 <= before * maxLossPercent) continue;
    const share = Math.floor((lost * 100) / before);
    throw new SyncError(
      'LOSS_GUARD',
      `Writing ${table} would leave ${after} of the ${before} values in column ${column}: ${share} % would be lost, more than ${maxLossPercent} %. No record was changed. Look whether the source still fills that field; if the loss is meant, raise max_loss_percent for one start.`,
      { detail: { column, before, after, maxLossPercent } },
    );
  }
}
