import { type PlanRefusal, SyncError } from '../core/index.ts';

/**
 * What each check of a load would throw, in order; anything but a fault that the user has to mend is thrown on. What two
 * checks say alike counts once.
 */
export async function collectRefusals(
  ...checks: readonly (() => void | Promise<void>)[]
): Promise<readonly PlanRefusal[]> {
  const found = new Map<string, PlanRefusal>();
  for (const check of checks) {
    try {
      await check();
    } catch (error) {
      if (!(error instanceof SyncError) || error.kind !== 'configuration') throw error;
      found.set(error.message, { code: error.code, message: error.message });
    }
  }
  return [...found.values()];
}
