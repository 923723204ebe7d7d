import { SyncError } from '../../core/index.ts';

/** The refusal of what needs schemas while the first refresh runs. Public clients look for its words. */
export function notReady(reason: string): SyncError {
  return new SyncError('SCHEMA_CACHE_NOT_READY', `Schema cache refresh in progress: ${reason}. Try again in a moment.`);
}
