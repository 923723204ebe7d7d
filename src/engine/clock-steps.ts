import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const LOOK_MS = 500;
/** A smaller step delays what waits for the wall clock by less than a second. */
const NOTICED_MS = 500;

/**
 * Notices when somebody sets the machine's clock back, within a second.
 * @param onSetBack gets by how many milliseconds
 * @returns ends the watch
 */
export function watchClock(onSetBack: (ms: number) => void): () => void {
  let ahead = Date.now() - performance.now();
  const timer = setInterval(() => {
    const before = ahead;
    ahead = Date.now() - performance.now();
    if (before - ahead > NOTICED_MS) onSetBack(before - ahead);
  }, LOOK_MS);
  return () => clearInterval(timer);
}

/** The part of the durable engine's own executor that begins and ends its polling. */
interface Executor {
  deactivateEventReceivers(): Promise<void>;
  stopWorkflowTimeoutSweep(): Promise<void>;
  initEventReceivers(queues: readonly string[]): Promise<void>;
}

/**
 * The durable engine asks its queues at times of the wall clock: set back by a day, it would ask nothing for a day. There
 * is no public way to wake it, so its polling is ended and begun as at launch and shutdown; workflows that run are not touched.
 */
export async function pollAnew(queues: readonly string[]): Promise<void> {
  const require = createRequire(import.meta.url);
  const inside = join(dirname(require.resolve('@dbos-inc/dbos-sdk')), 'dbos-executor.js');
  // Of the version that package.json pins; a test fails where it has changed.
  const { DBOSExecutor } = require(inside) as { DBOSExecutor: { readonly globalInstance?: Executor } };
  const executor = DBOSExecutor.globalInstance;
  if (executor === undefined) return;
  try {
    await executor.deactivateEventReceivers();
    await executor.stopWorkflowTimeoutSweep();
  } finally {
    await executor.initEventReceivers(queues);
  }
}
