import { mkdir, rm } from 'node:fs/promises';
import { availableParallelism, totalmem } from 'node:os';
import { dirname } from 'node:path';
import { locks } from 'node:worker_threads';
import type { DuckDBConnection, DuckDBInstance, DuckDBMaterializedResult, Json } from '@duckdb/node-api';
import { SyncError } from '../../core/index.ts';
import { type Action, fileLocked, toSyncError } from './errors.ts';

const MIB = 1024 * 1024;
/** With it an ordinary load stays within 400 MB above the idle process; joins and sorts beyond it spill beside the file. */
const USUAL_MEMORY_BYTES = 320 * MIB;
/** For records so wide that a block of them does not fit; DuckDB keeps those in memory until they are committed. */
const MAX_MEMORY_SHARE = 0.4;
const INTERRUPT_EVERY_MS = 50;

/** Statements on an open file, one after another, while no other work is on it. */
export interface Session {
  /** 64-bit and larger numbers come as text. */
  rows(sql: string): Promise<readonly Readonly<Record<string, Json>>[]>;
  /** Returns the number of records that the statement changed. */
  run(sql: string): Promise<number>;
  /** Commits what `work` did, or nothing of it. DuckDB has no savepoints, so it does not nest. */
  transaction<T>(work: () => Promise<T>): Promise<T>;
}

/** A holder's share in one open database file. The last holder's disposal closes the file. */
export interface FileLease extends AsyncDisposable {
  /** Folder beside the database for files that live as long as it is open. */
  readonly folder: string;
  /** Runs `work` alone on the file, in the order of the calls. `action` begins the message of its errors. */
  exclusive<T>(action: Action, work: (session: Session) => Promise<T>, signal: AbortSignal): Promise<T>;
}

interface OpenFile {
  readonly connection: DuckDBConnection;
  close(): Promise<void>;
}

/** One database file of this thread: opened for its first holder, closed behind its last. */
class SharedFile {
  readonly path: string;
  readonly folder: string;
  #memoryBytes = Math.min(USUAL_MEMORY_BYTES, maxMemoryBytes());
  #file: OpenFile | null = null;
  #holders = 0;
  #last: Promise<unknown> = Promise.resolve();

  constructor(path: string) {
    this.path = path;
    this.folder = folderOf(path);
  }

  acquire(): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#file === null) await this.#openFirst();
      this.#holders++;
    });
  }

  release(): Promise<void> {
    return this.#inTurn(async () => {
      if (--this.#holders > 0) return;
      const file = this.#file;
      this.#file = null;
      await file?.close();
      await rm(this.folder, { recursive: true, force: true });
    });
  }

  exclusive<T>(action: Action, work: (session: Session) => Promise<T>, signal: AbortSignal): Promise<T> {
    return this.#inTurn(async () => {
      signal.throwIfAborted();
      this.#file ??= await this.#open();
      try {
        return await work(createSession(this.#file.connection, action, this.path, signal));
      } catch (error) {
        throw await this.#recover(error, action);
      }
    });
  }

  async #openFirst(): Promise<void> {
    const file = await this.#open();
    try {
      // What a killed process left; nobody else can use it while the file is open here.
      await rm(this.folder, { recursive: true, force: true });
      await mkdir(this.folder);
    } catch (error) {
      await file.close();
      throw toSyncError(error, 'Opening', this.path);
    }
    this.#file = file;
  }

  /** What a killed process left in the log may need more memory to open than usual. */
  async #open(): Promise<OpenFile> {
    try {
      return await openFile(this.path, this.#memoryBytes);
    } catch (error) {
      if (!(error instanceof SyncError && error.detail.isMemory === true) || !this.#raiseMemory()) throw error;
      return openFile(this.path, this.#memoryBytes);
    }
  }

  /** Makes the next attempt possible, where more memory or a new opening helps; else the error is final. */
  async #recover(error: unknown, action: Action): Promise<unknown> {
    if (!(error instanceof SyncError)) return error;
    const { isFatal, isMemory } = error.detail;
    const isRaised = isMemory === true && this.#raiseMemory();
    if (isFatal === true || isRaised) await this.#giveUp();
    if (error.code !== 'MEMORY_EXHAUSTED' || !isRaised) return error;
    return new SyncError(
      'CONN_LOST',
      `${action} ${this.path} failed: DuckDB reached its usual memory limit. It is tried again by itself with more.`,
    );
  }

  #raiseMemory(): boolean {
    if (this.#memoryBytes >= maxMemoryBytes()) return false;
    this.#memoryBytes = maxMemoryBytes();
    return true;
  }

  /** A database that DuckDB invalidated answers nothing any more; the next work opens it anew. */
  async #giveUp(): Promise<void> {
    const file = this.#file;
    this.#file = null;
    await file?.close();
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(work);
    this.#last = turn.catch(() => {});
    return turn;
  }
}

/** By real path. A thread has one module instance, and `locks` keeps other threads of the process away. */
const sharedFiles = new Map<string, SharedFile>();

/**
 * Opens a database file, making it and its folder where they do not exist.
 * @throws `FILE_LOCKED`, `FILE_INVALID`, `CONN_PRIVILEGE_MISSING`
 */
export async function leaseFile(path: string): Promise<FileLease> {
  const shared = sharedFiles.get(path) ?? new SharedFile(path);
  sharedFiles.set(path, shared);
  await shared.acquire();
  let isReleased = false;
  return {
    folder: shared.folder,
    exclusive: (action, work, workSignal) => shared.exclusive(action, work, workSignal),
    async [Symbol.asyncDispose]() {
      if (isReleased) return;
      isReleased = true;
      await shared.release();
    },
  };
}

/** Folder beside the database for segment files and what DuckDB spills. */
function folderOf(path: string): string {
  return `${path}.millrace`;
}

/**
 * The lock is held as long as the file is open. DuckDB's own lock keeps other processes out but not a second opening in
 * this one, after which tables vanish in silence.
 */
async function openFile(path: string, memoryBytes: number): Promise<OpenFile> {
  const closed = Promise.withResolvers<void>();
  const opened = Promise.withResolvers<OpenFile>();
  const held = locks.request(`duckdb ${path}`, { ifAvailable: true }, async (lock) => {
    if (lock === null) throw fileLocked('Opening', path, undefined);
    const file = await openAlone(path, memoryBytes);
    const close = async () => {
      await file.close().finally(closed.resolve);
      await held;
    };
    opened.resolve({ connection: file.connection, close });
    await closed.promise;
  });
  held.catch((error: unknown) => opened.reject(toSyncError(error, 'Opening', path)));
  return opened.promise;
}

async function openAlone(path: string, memoryBytes: number): Promise<OpenFile> {
  await mkdir(dirname(path), { recursive: true });
  // Loaded by the one thread that owns a file: in every other one its library would only take memory.
  const { DuckDBInstance: Instance } = await import('@duckdb/node-api');
  const instance = await Instance.create(path, settingsFor(folderOf(path), memoryBytes));
  try {
    const connection = await instance.connect();
    await connection.run("SET TimeZone = 'UTC'");
    return { connection, close: () => closeFile(instance, connection) };
  } catch (error) {
    instance.closeSync();
    throw error;
  }
}

async function closeFile(instance: DuckDBInstance, connection: DuckDBConnection): Promise<void> {
  // Closing would do the same, but on this thread's time. It fails on an invalidated database, which the next opening recovers.
  await connection.run('CHECKPOINT').catch(() => {});
  connection.closeSync();
  instance.closeSync();
}

function maxMemoryBytes(): number {
  return Math.floor(totalmem() * MAX_MEMORY_SHARE);
}

function settingsFor(folder: string, memoryBytes: number): Record<string, string> {
  return {
    memory_limit: `${Math.floor(memoryBytes / MIB)}MiB`,
    threads: String(availableParallelism()),
    temp_directory: folder,
    // Order within a table is not promised, and keeping it costs memory.
    preserve_insertion_order: 'false',
    autoinstall_known_extensions: 'false',
    autoload_known_extensions: 'false',
  };
}

function createSession(connection: DuckDBConnection, action: Action, path: string, signal: AbortSignal): Session {
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
  };
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
