import type { ReceiptDepth } from '../../core/index.ts';
import { updateBulkSync } from '../../store/index.ts';
import { toActorColumns } from '../actors.ts';
import { auditBulkSyncPart } from '../audit/views.ts';
import type { Context } from '../context.ts';
import { refuseField } from '../refusals.ts';
import { permitBulkSync, requireBulkSync } from './syncs.ts';

/** Millrace's own settings of a sync. */
export interface SyncSettings {
  readonly receiptDepth: ReceiptDepth;
  /** Write into tables that exist and that Millrace did not make. */
  readonly adopt: boolean;
  /** Share of the live records that one run may lose, in percent; 100 = no guard. */
  readonly maxLossPercent: number;
}

/** What a sync has until somebody says otherwise. */
export const DEFAULT_SETTINGS: SyncSettings = { receiptDepth: 'checksums', adopt: false, maxLossPercent: 50 };

/** @throws `NOT_FOUND` */
export async function getSyncSettings(context: Context, id: string): Promise<SyncSettings> {
  const { receiptDepth, adopt, maxLossPercent } = await requireBulkSync(context, id);
  return { receiptDepth, adopt, maxLossPercent };
}

/** Replaces all settings; the next execution uses them. @throws `NOT_FOUND`, `REQUEST_REFUSED` */
export async function replaceSyncSettings(context: Context, id: string, settings: SyncSettings): Promise<SyncSettings> {
  const sync = await permitBulkSync(context, id, 'edit');
  checkMaxLoss(settings.maxLossPercent);
  const by = toActorColumns(context.caller);
  const change = { ...settings, updatedBy: by.id, updatedByType: by.type };
  await context.store.transaction(async ({ db }) => {
    const isUpdated = await updateBulkSync(db, context.caller.organizationId, id, change);
    if (!isUpdated) await requireBulkSync(context, id, db);
    const { receiptDepth, adopt, maxLossPercent } = sync;
    const before = { receiptDepth, adopt, maxLossPercent };
    await auditBulkSyncPart(db, context, sync, { action: 'update', before, after: settings });
  });
  return settings;
}

/** @throws `REQUEST_REFUSED` unless it is a share in percent */
export function checkMaxLoss(percent: number): void {
  if (percent >= 0 && percent <= 100) return;
  throw refuseField('max_loss_percent', 'must be from 0 to 100');
}
