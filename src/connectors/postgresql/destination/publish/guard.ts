import type { LossGuard } from '../../../../connector-kit/index.ts';
import { SyncError } from '../../../../core/index.ts';

/** @throws `LOSS_GUARD` when more of the live records would go than the guard allows */
export function guardLoss(table: string, lost: number, live: number, guard: LossGuard): void {
  if (lost * 100 <= live * guard.maxLossPercent) return;
  throw new SyncError(
    'LOSS_GUARD',
    `Writing ${table} would lose ${lost} of ${live} live records, more than ${guard.maxLossPercent} %. No record was changed. If that is meant, raise max_loss_percent for one start.`,
    { detail: { lost, live, maxLossPercent: guard.maxLossPercent } },
  );
}
