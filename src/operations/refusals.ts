import { type ErrorDetail, SyncError } from '../core/index.ts';

/** A request that fits its schema and that a rule refuses, with the field as it is called on the wire. */
export function refuseField(field: string, reason: string, detail: ErrorDetail = {}): SyncError {
  return new SyncError('REQUEST_REFUSED', `\`${field}\`: ${reason}.`, { detail: { field, ...detail } });
}
