import { enterConnections, type LimitedConnection, leaveConnections, type RunConnection } from '../../store/index.ts';
import { type EngineParts, retryStore } from '../engine-parts.ts';

/** What of a lane its connections' limits need. */
export interface LimitedLane {
  readonly parts: Pick<EngineParts, 'store' | 'workerId' | 'draining'>;
  readonly run: { readonly [End in 'source' | 'destination']: Pick<RunConnection, 'id' | 'maxLanes'> };
  readonly laneId: string;
  readonly stop: AbortSignal;
}

/**
 * Works on the next step if the limits of both connections leave room for it, counted over all workers. Connections
 * without a limit cost nothing.
 * @returns false also when there is no room now
 */
export async function withinLimits(lane: LimitedLane, work: () => Promise<boolean>): Promise<boolean> {
  const { parts, run, laneId, stop } = lane;
  const connections = limitsOf(run);
  if (connections.length === 0) return work();
  const entry = { laneId, workerId: parts.workerId, connections };
  if (!(await retryStore(() => enterConnections(parts.store, entry), stop))) return false;
  try {
    return await work();
  } finally {
    // Also behind a cancel: nobody else ever gives back the place of a worker that lives.
    await retryStore(() => leaveConnections(parts.store, entry), parts.draining);
  }
}

function limitsOf({ source, destination }: LimitedLane['run']): readonly LimitedConnection[] {
  const both = source.id === destination.id ? [source] : [source, destination];
  return both.flatMap(({ id, maxLanes }) => (maxLanes === null ? [] : [{ connectionId: id, maxLanes }]));
}
