import { sql } from 'kysely';
import type { Store } from '../database.ts';

/** What a step works on, as far as there is a limit. */
export interface LimitedConnection {
  readonly connectionId: string;
  readonly maxLanes: number;
}

export interface LaneOnConnections {
  readonly laneId: string;
  readonly workerId: string;
  readonly connections: readonly LimitedConnection[];
}

/** Counts a step against all its connections, or against none. False: one of them has as many as it may. */
export async function enterConnections(store: Store, lane: LaneOnConnections): Promise<boolean> {
  const ids = lane.connections.map(({ connectionId }) => connectionId);
  return store.transaction(async ({ db }) => {
    // One after another, so that two that count at once do not both find the last place.
    await sql`SELECT FROM connections WHERE id = ANY (${ids}::uuid[]) ORDER BY id FOR NO KEY UPDATE`.execute(db);
    const { rows } = await sql<{ connectionId: string; used: number }>`
      SELECT l.connection_id, count(*)::integer AS used FROM connection_lanes l
      JOIN workers w ON w.id = l.worker_id AND w.dead_at IS NULL
      WHERE l.connection_id = ANY (${ids}::uuid[]) AND l.lane_id <> ${lane.laneId} GROUP BY 1`.execute(db);
    const used = new Map(rows.map((row) => [row.connectionId, row.used]));
    if (lane.connections.some(({ connectionId, maxLanes }) => (used.get(connectionId) ?? 0) >= maxLanes)) return false;
    await db
      .insertInto('connectionLanes')
      .values(ids.map((connectionId) => ({ connectionId, laneId: lane.laneId, workerId: lane.workerId })))
      .onConflict((conflict) => conflict.columns(['connectionId', 'laneId']).doUpdateSet({ workerId: lane.workerId }))
      .execute();
    return true;
  });
}

/** Behind the step; a row that another worker has taken over stays. */
export async function leaveConnections(store: Store, { laneId, workerId }: LaneOnConnections): Promise<void> {
  await store.db.deleteFrom('connectionLanes').where('laneId', '=', laneId).where('workerId', '=', workerId).execute();
}
