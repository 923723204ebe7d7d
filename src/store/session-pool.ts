import pg from 'pg';
import { watchSilence } from './silent-sessions.ts';

/** Where the sessions of a pool lead. */
export interface SessionPoolOptions {
  readonly url: string;
  readonly maxConnections?: number;
  /** A process that is frozen in the middle of a transaction, or cut off, must not keep its locks for longer; 5 seconds. */
  readonly idleTransactionSeconds?: number;
  /** How long a statement may go unanswered before the server is asked whether it knows of it; for tests. */
  readonly patienceMs?: number;
  /** Told about a session that broke while idle. The pool replaces it, so this is a warning. */
  readonly onIdleError?: (error: Error) => void;
}

/**
 * The driver reads times in one form only, and our transactions are written for one isolation, whatever role and database
 * say.
 */
const SETTINGS = `SET DateStyle = 'ISO'; SET extra_float_digits = 1; SET default_transaction_isolation = 'read committed';
  SET tcp_keepalives_idle = 5; SET tcp_keepalives_interval = 2; SET tcp_keepalives_count = 3; SET tcp_user_timeout = '10s'`;

/**
 * A pool of sessions with the metadata database. One that breaks is reported by the next statement in it, at whatever moment
 * it does: between two statements of whoever holds it, or between its opening and the moment when somebody holds it.
 */
export function createSessionPool(options: SessionPoolOptions): pg.Pool {
  const settings = `${SETTINGS}; SET idle_in_transaction_session_timeout = '${options.idleTransactionSeconds ?? 5}s'`;
  const pool = new pg.Pool({
    connectionString: options.url,
    max: options.maxConnections ?? 20,
    application_name: 'millrace',
    connectionTimeoutMillis: 15_000,
    onConnect: async (client) => void (await client.query(settings)),
  });
  pool.on('error', options.onIdleError ?? (() => {}));
  pool.on('connect', (client) => {
    client.on('error', () => {
      // An error that nobody listens to ends the process.
    });
  });
  watchSilence(pool, options.url, options.patienceMs);
  return pool;
}
