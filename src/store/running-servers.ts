import type pg from 'pg';
import { SyncError } from '../core/index.ts';

/**
 * Lets nothing be done to metadata that a server works with.
 * @param what such as `restore`, for people
 * @throws `RESTORE_REFUSED`
 */
export async function refuseWhileInUse(client: pg.Client, what: string): Promise<void> {
  const { rows } = await client.query<{ host: string; pid: number }>(
    `SELECT host, pid FROM workers WHERE dead_at IS NULL AND heartbeat_at > now() - interval '15 seconds' LIMIT 1`,
  );
  const [worker] = rows;
  if (worker !== undefined)
    throw new SyncError(
      'RESTORE_REFUSED',
      `A server runs on the metadata database: process ${worker.pid} on ${worker.host}. Stop all servers, then ${what} again.`,
    );
}
