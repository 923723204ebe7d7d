import { SyncError } from '../../../core/index.ts';
import type { Session } from '../client.ts';

const ACTION = 'Looking for a pooler';
const PID = 'SELECT pg_backend_pid() AS pid';
const SECOND_LIMIT_MS = 5_000;

/** For how long a pooler lends a server session, where that is shorter than ours lasts. */
type Lending = 'transactions' | 'statements';

/** A protocol violation: so PgBouncer refuses a transaction in statement mode, and ends the session. */
const NO_TRANSACTIONS = '08P01';

/**
 * Tells a pooler that lends server sessions for one transaction or statement from one that lends them for as long as ours
 * lasts, by asking which server process answers. In transaction mode a second session is lent the process that the first one
 * has just used, or the first one is lent another after it. In statement mode it may begin no transaction.
 * @throws `CONN_POOLER`
 */
export async function refuseLentSessions(
  first: Session,
  openSecond: (signal: AbortSignal) => Promise<Session>,
  address: string,
  signal: AbortSignal,
): Promise<void> {
  await using second = await openWithin(openSecond, signal);
  // A pool whose last place is ours makes the second one wait: it keeps sessions.
  if (second === null) return;
  const lending = await findLending(first, second, signal);
  if (lending === null) return;
  throw new SyncError(
    'CONN_POOLER',
    `${address} is a pooler that lends server sessions for single ${lending}. Snapshots, locks and settings of a sync belong to one session. Give the server's own host and port, or a pooler in session mode (PgBouncer: pool_mode = session).`,
  );
}

async function findLending(first: Session, second: Session, signal: AbortSignal): Promise<Lending | null> {
  const before = await askProcess(first, signal);
  if (!(await begin(second, signal))) return 'statements';
  try {
    // Where the pool has a single place, the first one would wait for the second from here on.
    if ((await askProcess(second, signal)) === before) return 'transactions';
    return (await askProcess(first, signal)) === before ? null : 'transactions';
  } finally {
    await second.script(ACTION, 'ROLLBACK', signal);
  }
}

/** False where the pooler lets no transaction begin. */
async function begin(session: Session, signal: AbortSignal): Promise<boolean> {
  try {
    await session.script(ACTION, 'BEGIN', signal);
    return true;
  } catch (error) {
    if (error instanceof SyncError && error.detail.sqlState === NO_TRANSACTIONS) return false;
    throw error;
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
