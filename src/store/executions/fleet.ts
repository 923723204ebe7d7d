import { sql } from 'kysely';
import { type FleetFacts, type SyncLag, TERMINAL_STATUSES, VERIFICATION } from '../../core/index.ts';
import type { StoreDatabase } from '../database.ts';

const OPEN = sql.raw(`('created', 'scheduled', 'running', 'exporting', 'processing', 'canceling')`);

/** Executions that were to load something. */
const LOADS = sql`(NOT e.is_test AND e.type <> ${VERIFICATION})`;

/** What all processes together are at. A few queries over what is open, so that it may be asked every few seconds. */
export async function readFleetFacts(db: StoreDatabase): Promise<FleetFacts> {
  const [executions, steps, workers, snapshots, syncs] = await Promise.all([
    readOpenExecutions(db),
    readSteps(db),
    readWorkers(db),
    readOldestSnapshot(db),
    readLags(db),
  ]);
  return { openExecutions: executions, steps, workers, oldestSnapshotSeconds: snapshots, syncs };
}

async function readOpenExecutions(db: StoreDatabase): Promise<Readonly<Record<string, number>>> {
  const { rows } = await sql<{ status: string; count: number }>`
    SELECT status, count(*)::integer AS count FROM executions WHERE status IN ${OPEN} GROUP BY status`.execute(db);
  return Object.fromEntries(rows.map(({ status, count }) => [status, count]));
}

/** Of schemas that have not ended: a failed one leaves steps behind that nobody will take. */
async function readSteps(db: StoreDatabase): Promise<FleetFacts['steps']> {
  const { rows } = await sql<{ waiting: number; owned: number }>`
    SELECT count(*) FILTER (WHERE s.state = 'waiting')::integer AS waiting,
      count(*) FILTER (WHERE s.state = 'owned')::integer AS owned
    FROM executions e JOIN execution_schemas es ON es.execution_id = e.id AND es.status IN ('scheduled', 'running', 'processing')
    JOIN segments s ON s.execution_id = es.execution_id AND s.schema_id = es.schema_id AND s.state IN ('waiting', 'owned')
    WHERE e.status IN ${OPEN}`.execute(db);
  return rows[0] ?? { waiting: 0, owned: 0 };
}

async function readWorkers(db: StoreDatabase): Promise<FleetFacts['workers']> {
  const { rows } = await sql<FleetFacts['workers']>`
    SELECT count(*)::integer AS alive,
      max(extract(epoch FROM now() - heartbeat_at))::double precision AS longest_silence_seconds
    FROM workers WHERE dead_at IS NULL`.execute(db);
  return rows[0] ?? { alive: 0, longestSilenceSeconds: null };
}

async function readOldestSnapshot(db: StoreDatabase): Promise<number | null> {
  const { rows } = await sql<{ seconds: number | null }>`
    SELECT max(extract(epoch FROM now() - s.opened_at))::double precision AS seconds
    FROM executions e JOIN execution_snapshots s ON s.execution_id = e.id AND s.closed_at IS NULL
    WHERE e.status IN ${OPEN} AND EXISTS (
      SELECT FROM snapshot_holders h JOIN workers w ON w.id = h.worker_id AND w.dead_at IS NULL
      WHERE h.execution_id = s.execution_id AND h.epoch = s.epoch)`.execute(db);
  return rows[0]?.seconds ?? null;
}

async function readLags(db: StoreDatabase): Promise<readonly SyncLag[]> {
  const { rows } = await sql<SyncLag>`
    SELECT y.id AS sync_id, last.status AS last_status,
      extract(epoch FROM now() - coalesce(good.created_at, y.created_at))::double precision AS lag_seconds
    FROM bulk_syncs y LEFT JOIN LATERAL (
      SELECT created_at FROM executions e WHERE e.sync_id = y.id AND e.status = 'completed' AND ${LOADS}
      ORDER BY e.created_at DESC, e.id DESC LIMIT 1) good ON true
    LEFT JOIN LATERAL (
      SELECT status FROM executions e WHERE e.sync_id = y.id AND e.status = ANY (${[...TERMINAL_STATUSES]}) AND ${LOADS}
      ORDER BY e.created_at DESC, e.id DESC LIMIT 1) last ON true
    WHERE y.active AND EXISTS (SELECT 1 FROM bulk_sync_schedules s WHERE s.sync_id = y.id AND s.due_at IS NOT NULL)`.execute(
    db,
  );
  return rows;
}
