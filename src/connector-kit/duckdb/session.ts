import type { DuckDBConnection, DuckDBMaterializedResult, Json } from '@duckdb/node-api';
import { type Action, toSyncError } from './errors.ts';

const INTERRUPT_EVERY_MS = 50;

/** Statements on an open file, one after another, while no other work is on it. */
export interface Session {
  /** 64-bit and larger numbers come as text. */
  rows(sql: string): Promise<readonly Readonly<Record<string, Json>>[]>;
  /** Returns the number of records that the statement changed. */
  run(sql: string): Promise<number>;
  /** Commits what `work` did, or nothing of it. DuckDB has no savepoints, so it does not nest. */
  transaction<T>(work: () => Promise<T>): Promise<T>;
  /**
   * Lets go of what DuckDB keeps in memory of a file that was written; what is needed again is read again. It keeps all of it
   * up to its limit, so that a load would take the more memory the larger the table is.
   */
  trim(): Promise<void>;
  /** Does `work` with less memory than usual: for statements that would fill all of it with blocks that they read once. */
  sparingly<T>(work: () => Promise<T>): Promise<T>;
}

/** What may stay in memory when it is trimmed: enough for what may run beside. */
const TRIMMED_MIB = 16;
/** Enough for a join of a million short keys; a larger one spills. */
const SPARE_MIB = 96;

/** What a session works with. */
export interface SessionParts {
  readonly connection: DuckDBConnection;
  /** Sets the limit of all who use the file; past any transaction, which a failure would keep from restoring it. */
  setMemory(mebibytes: number | 'usual'): Promise<void>;
}

/** Statements on a connection that nobody else uses meanwhile; `action` and `path` begin the message of their errors. */
export function createSession(
  { connection, setMemory }: SessionParts,
  action: Action,
  path: string,
  signal: AbortSignal,
): Session {
  const translate = async <T>(answer: Promise<T>): Promise<T> => {
    try {
      return await answer;
    } catch (error) {
      throw toSyncError(error, action, path);
    }
  };
  const execute = (sql: string) => translate(interruptible(connection, sql, signal));
  return {
    rows: async (sql) => (await execute(sql)).getRowObjectsJson(),
    run: async (sql) => (await execute(sql)).rowsChanged,
    async transaction(work) {
      await execute('BEGIN');
      try {
        const result = await work();
        signal.throwIfAborted();
        // Not interruptible: whether an interrupted commit took place would be unknown.
        await translate(connection.run('COMMIT'));
        return result;
      } catch (error) {
        // Fails when the commit failed, since then the transaction is over.
        await connection.run('ROLLBACK').catch(() => {});
        throw error;
      }
    },
    // Not interruptible: all who use the file would be left with the low limit.
    trim: () => translate(withMemory(setMemory, TRIMMED_MIB, async () => {})),
    sparingly: (work) => translate(withMemory(setMemory, SPARE_MIB, work)),
  };
}

async function withMemory<T>(
  setMemory: SessionParts['setMemory'],
  mebibytes: number,
  work: () => Promise<T>,
): Promise<T> {
  // Refused where more than that is in use; by then DuckDB has let go of everything else.
  const isLow = await setMemory(mebibytes).then(
    () => true,
    () => false,
  );
  let result: T;
  try {
    result = await work();
  } catch (error) {
    // What the work met is what went wrong.
    if (isLow) await setMemory('usual').catch(() => {});
    throw error;
  }
  if (isLow) await setMemory('usual');
  return result;
}

/** An interrupt that arrives before the statement has begun is lost, so it is repeated. */
async function interruptible(
  connection: DuckDBConnection,
  sql: string,
  signal: AbortSignal,
): Promise<DuckDBMaterializedResult> {
  signal.throwIfAborted();
  let timer: NodeJS.Timeout | undefined;
  const interrupt = () => {
    connection.interrupt();
    timer ??= setInterval(() => connection.interrupt(), INTERRUPT_EVERY_MS);
  };
  signal.addEventListener('abort', interrupt, { once: true });
  try {
    return await connection.run(sql);
  } finally {
    clearInterval(timer);
    signal.removeEventListener('abort', interrupt);
  }
}
