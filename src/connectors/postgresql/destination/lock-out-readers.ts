import { setTimeout as pause } from 'node:timers/promises';
import { SyncError } from '../../../core/index.ts';
import type { Session } from '../client.ts';
import { LOCK_TIMEOUT } from './generations.ts';

/** Whoever waits for a table keeps all that come later waiting as well: so long may readers be held up by us. */
const WAIT_MS = 1_000;
/** Between two tries all readers get through. */
const PAUSE_MS = 2_000;
/** About a minute and a half; then the engine begins the publication anew. */
const MAX_TRIES = 30;

/**
 * Takes a table for ourselves alone, for the rest of the transaction. A reader that holds it for long delays us, but is not
 * joined by a queue of others behind us. @throws `LOCK_TIMEOUT`
 */
export async function lockOutReaders(session: Session, table: string, signal: AbortSignal): Promise<void> {
  const action = `Locking ${table}`;
  for (let tries = 1; ; tries += 1) {
    await session.script(action, `SAVEPOINT locking; SET LOCAL lock_timeout = ${WAIT_MS}`, signal);
    try {
      await session.script(
        action,
        `LOCK TABLE ONLY ${table} IN ACCESS EXCLUSIVE MODE; RELEASE SAVEPOINT locking; ${LOCK_TIMEOUT}`,
        signal,
      );
      return;
    } catch (error) {
      if (!(error instanceof SyncError) || error.code !== 'LOCK_TIMEOUT' || tries === MAX_TRIES) throw error;
      await session.script(action, 'ROLLBACK TO SAVEPOINT locking', signal);
    }
    await pause(PAUSE_MS, undefined, { signal });
  }
}
