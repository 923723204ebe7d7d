import { type DatabaseIdentity, SyncError } from '../../core/index.ts';
import type { Session } from './client.ts';

/** No two servers begin in the same microsecond with the same database in them. */
const RUNNING = `
  CASE WHEN NOT pg_is_in_recovery() THEN
    extract(epoch FROM pg_postmaster_start_time()) || '/' || (SELECT oid FROM pg_database WHERE datname = current_database())
  END AS running`;

/** A standby that was promoted goes on in a timeline of its own. */
const HISTORY = `
  concat_ws('/', s.system_identifier, greatest(c.timeline_id, r.min_recovery_end_timeline),
    (SELECT oid FROM pg_database WHERE datname = current_database())) AS history
  FROM pg_control_system() s, pg_control_checkpoint() c, pg_control_recovery() r`;

/** Tells this database from all others, and a standby's from all but its server's; as much of it as the server says. */
export async function identifyDatabase(session: Session, signal: AbortSignal): Promise<DatabaseIdentity> {
  // Some providers keep the control file to themselves, or have none; what only speaks PostgreSQL may know neither.
  for (const columns of [`${RUNNING}, ${HISTORY}`, RUNNING]) {
    try {
      const [row] = await session.query('Asking which database this is', `SELECT ${columns}`, [], signal);
      return { running: row?.running ?? null, history: row?.history ?? null };
    } catch (error) {
      const isAnswer = error instanceof SyncError && error.detail.sqlState !== undefined && error.kind !== 'transient';
      if (!isAnswer) throw error;
    }
  }
  return { running: null, history: null };
}
