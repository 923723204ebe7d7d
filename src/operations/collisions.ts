import { SyncError } from '../core/index.ts';
import { findDeletedParent, isDeadlock } from '../store/index.ts';

/** What to say of a write that met another one, which no rule of an operation foresaw; null for all other failures. */
export function explainCollision(failure: unknown): SyncError | null {
  const parent = findDeletedParent(failure);
  if (parent !== null) {
    return new SyncError('NOT_FOUND', `The ${parent} was deleted meanwhile, so nothing was changed.`, {
      cause: failure,
    });
  }
  if (!isDeadlock(failure)) return null;
  const message = 'Another request worked on the same at the same time, so nothing was changed. Send it again.';
  return new SyncError('REQUESTS_COLLIDED', message, { cause: failure, retryAfterMs: 1000 });
}
