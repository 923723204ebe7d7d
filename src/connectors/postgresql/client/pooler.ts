import { SyncError } from '../../../core/index.ts';
import type { Session } from '../client.ts';

const ACTION = 'Looking for a pooler';
const PID = 'SELECT pg_backend_pid() AS pid';
const SECOND_LIMIT_MS = 5_000;

/**
 * Tells a pooler that lends server sessions for one transaction from one that lends them for as long as ours lasts, by
 * asking which server process answers. In transaction mode a second session is lent the process that the first one has
 * just used, or the first one is lent another after it.
 * @throws `CONN_POOLER`
 */
export async function refuseTransactionPooling(
  first: Session,
  openSecond: (signal: AbortSignal) => Promise<Session>,
  address: string,
  signal: AbortSignal,
): Promise<void> {
  await using second = await openWithin(openSecond, signal);
  // A pool whose last place is ours makes the second one wait: it keeps sessions.
  if (second === null) return;
  if (!(await isLent(first, second, signal))) return;
  throw new SyncError(
    'CONN_POOLER',
    `${address} is a pooler that lends server sessions for single transactions or statements. Snapshots, locks and settings of a sync belong to one session. Give the server's own host and port, or a pooler in session mode (PgBouncer: pool_mode = session).`,
  );
}

async function isLent(first: Session, second: Session, signal: AbortSignal): Promise<boolean> {
  const before = await askProcess(first, signal);
  await second.script(ACTION, 'BEGIN', signal);
  try {
    // Where the pool has a single place, the first one would wait for the second from here on.
    if ((await askProcess(second, signal)) === before) return true;
    return (await askProcess(first, signal)) !== before;
  } finally {
    await second.script(ACTION, 'ROLLBACK', signal);
  }
}

async function openWithin(
  open: (signal: AbortSignal) => Promise<Session>,
  signal: AbortSignal,
): Promise<Session | null> {
  const limit = AbortSignal.timeout(SECOND_LIMIT_MS);
  try {
    return await open(AbortSignal.any([signal, limit]));
  } catch (error) {
    if (limit.aborted && !signal.aborted) return null;
    throw error;
  }
}

async function askProcess(session: Session, signal: AbortSignal): Promise<string> {
  const [row] = await session.query(ACTION, PID, [], signal);
  return row?.pid ?? '';
}
