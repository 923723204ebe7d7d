import { SyncError } from '../../core/index.ts';
import type { LoadPlan, LossGuard } from '../load.ts';
import { tableText } from '../table-text.ts';

/** Stands before the first destructive statement. @throws `LOSS_GUARD` when too many of the live records would be lost */
export function assertLoss(plan: LoadPlan, guard: LossGuard, lost: number, live: number): void {
  if (lost * 100 <= live * guard.maxLossPercent) return;
  throw new SyncError(
    'LOSS_GUARD',
    `Publishing ${plan.schemaId} to ${tableText(plan.table)} was stopped before any change: it would lose ${lost} of ${live} live records, and max_loss_percent is ${guard.maxLossPercent}. ` +
      'Look whether the source is complete; if the loss is meant, start with a higher max_loss_percent.',
    { detail: { lost, live, maxLossPercent: guard.maxLossPercent } },
  );
}
