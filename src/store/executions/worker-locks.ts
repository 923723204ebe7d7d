import { sql } from 'kysely';
import type { StoreDatabase } from '../database.ts';

/** A lock that a worker holds until it gives it back or is declared dead: a frozen or cut off process blocks nobody for long. */
export interface WorkerLock {
  readonly name: string;
  readonly workerId: string;
  /** After this time others may take it from a worker that lives, too; absent = never. */
  readonly expiresAfterMs?: number;
}

/** Takes the lock, or takes it again. False: a living worker has it. */
export async function takeWorkerLock(db: StoreDatabase, lock: WorkerLock): Promise<boolean> {
  const { name, workerId, expiresAfterMs } = lock;
  const validity =
    expiresAfterMs === undefined ? sql`NULL::interval` : sql`make_interval(secs => ${expiresAfterMs / 1_000})`;
  const { rows } = await sql`
    INSERT INTO worker_locks AS held (name, worker_id, expires_at)
    SELECT ${name}::text, ${workerId}::uuid, now() + ${validity} WHERE EXISTS (SELECT 1 FROM workers WHERE id = ${workerId} AND dead_at IS NULL)
    ON CONFLICT (name) DO UPDATE SET worker_id = excluded.worker_id, expires_at = excluded.expires_at
      WHERE held.worker_id = excluded.worker_id OR held.expires_at < now()
        -- Taken by a clock that was set back since.
        OR held.expires_at > now() + 2 * ${validity}
        OR NOT EXISTS (SELECT 1 FROM workers WHERE id = held.worker_id AND dead_at IS NULL)
    RETURNING name`.execute(db);
  return rows.length > 0;
}

export async function giveBackWorkerLock(db: StoreDatabase, { name, workerId }: WorkerLock): Promise<void> {
  await db.deleteFrom('workerLocks').where('name', '=', name).where('workerId', '=', workerId).execute();
}
