import { mkdir, rm, stat } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { dirname } from 'node:path';
import { SyncError } from '../../core/index.ts';
import { type Action, toSyncError } from './errors.ts';
import { maxMemoryBytes, type OpenFile, openFile, USUAL_MEMORY_BYTES } from './open-file.ts';
import { createSession, type Session } from './session.ts';
import { makeWorkFolder, removeWorkFolder } from './work-folder.ts';

/**
 * What a holder wants of a file. `write`: change it. `read`: see one image of it, so nobody may write meanwhile. `look`: read
 * the catalogue or a record or two, whatever others do.
 */
export type LeaseMode = 'write' | 'read' | 'look';

/** A holder's share in one open database file. The last holder's disposal closes the file. */
export interface FileLease extends AsyncDisposable {
  /** Folder for files that live as long as it is open: beside the database for writers, under the files root for readers. */
  readonly folder: string;
  /** Runs `work` alone on the file, in the order of the calls. `action` begins the message of its errors. */
  exclusive<T>(action: Action, work: (session: Session) => Promise<T>, signal: AbortSignal): Promise<T>;
  /**
   * Runs `work`, one short transaction, without waiting for what runs alone. Each sees the other once it is committed; of two
   * that change the same record one fails. Failed here, it is run once more in its turn, alone: do not wait for it within that
   * turn.
   */
  beside<T>(action: Action, work: (session: Session) => Promise<T>, signal: AbortSignal): Promise<T>;
  /** Tells that a segment's records are collected for the file until the disposal. */
  collect(): Disposable;
}

/** Of these `collect` says when more than one is at work: then what loads one leaves cores to those that read the others. */
const ALL_THREADS = availableParallelism();
const SHARED_THREADS = Math.max(1, Math.floor(ALL_THREADS / 2));

/** One database file of this thread: opened for its first holder, closed behind its last. */
class SharedFile {
  readonly path: string;
  folder = '';
  #memoryBytes = Math.min(USUAL_MEMORY_BYTES, maxMemoryBytes());
  #file: OpenFile | null = null;
  /** Of the file that is open: another one may be put in its place. */
  #inode = '';
  #isReadOnly = false;
  readonly #holders = { write: 0, read: 0, look: 0 };
  #segments = 0;
  #threads = ALL_THREADS;
  #last: Promise<unknown> = Promise.resolve();
  #lastBeside: Promise<unknown> = Promise.resolve();

  constructor(path: string) {
    this.path = path;
  }

  acquire(mode: LeaseMode, filesRoot: string): Promise<void> {
    return this.#inTurn(async () => {
      this.#refuseRival(mode);
      const isReplaced = this.#file !== null && (await inodeOf(this.path)) !== this.#inode;
      if (isReplaced && this.#holders.write + this.#holders.read > 0) throw replaced(this.path);
      // Those who only look take it as it is, and do not mind that it is opened anew for others.
      const isFit = !isReplaced && (mode === 'look' || this.#isReadOnly === (mode === 'read'));
      if (this.#countHolders() === 0 || !isFit) await this.#openFor(mode, filesRoot);
      this.#holders[mode]++;
    });
  }

  release(mode: LeaseMode): Promise<void> {
    return this.#inTurn(async () => {
      this.#holders[mode]--;
      if (this.#countHolders() === 0) await this.#close();
    });
  }

  exclusive<T>(action: Action, work: (session: Session) => Promise<T>, signal: AbortSignal): Promise<T> {
    return this.#inTurn(async () => {
      signal.throwIfAborted();
      this.#file ??= await this.#open();
      const session = createSession(this.#file, action, this.path, signal);
      // What commits beside it might not find its memory then, after which DuckDB gives the database up.
      const sparingly: Session['sparingly'] = (step) => this.#inShortTurn(() => session.sparingly(step));
      try {
        await this.#shareCores(session);
        return await work({ ...session, sparingly });
      } catch (error) {
        throw await this.#recover(error, action);
      }
    });
  }

  async beside<T>(action: Action, work: (session: Session) => Promise<T>, signal: AbortSignal): Promise<T> {
    const file = this.#file;
    if (file !== null) {
      try {
        return await this.#inShortTurn(() =>
          work(createSession({ ...file, connection: file.beside }, action, this.path, signal)),
        );
      } catch {
        // A conflict, no memory beside a load, a database that was given up: tried again alone, it says so, or it is over.
      }
    }
    return this.exclusive(action, (session) => this.#inShortTurn(() => work(session)), signal);
  }

  collect(): Disposable {
    this.#segments++;
    return {
      [Symbol.dispose]: () => {
        this.#segments--;
      },
    };
  }

  /** Measured on two cores: one thread loads while the others read in fewer CPU seconds than two, and none of both waits. */
  async #shareCores(session: Session): Promise<void> {
    const threads = this.#segments > 1 ? SHARED_THREADS : ALL_THREADS;
    if (threads === this.#threads) return;
    await session.run(`SET threads = ${threads}`);
    this.#threads = threads;
  }

  #countHolders(): number {
    const { write, read, look } = this.#holders;
    return write + read + look;
  }

  /** A reader's image must not change under it, and a writer does not wait for hours inside a call. */
  #refuseRival(mode: LeaseMode): void {
    if (mode === 'write' && this.#holders.read > 0) throw inUse(this.path, 'read');
    if (mode === 'read' && this.#holders.write > 0) throw inUse(this.path, 'written');
  }

  async #openFor(mode: LeaseMode, filesRoot: string): Promise<void> {
    await this.#close();
    this.#isReadOnly = mode !== 'write';
    this.folder = this.#isReadOnly ? await makeWorkFolder(filesRoot) : folderOf(this.path);
    try {
      this.#file = await this.#open();
      if (!this.#isReadOnly) await this.#clearFolder();
    } catch (error) {
      // Beside a file that could not be opened it is another process's.
      if (this.#file === null && !this.#isReadOnly) this.folder = '';
      await this.#close();
      throw toSyncError(error, 'Opening', this.path);
    }
    this.#inode = await inodeOf(this.path);
  }

  /** What a killed process left; nobody else can use it while the file is open here. */
  async #clearFolder(): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
    await mkdir(this.folder);
  }

  async #close(): Promise<void> {
    await this.#giveUp();
    const { folder } = this;
    this.folder = '';
    if (this.#isReadOnly && folder !== '') await removeWorkFolder(folder);
    else if (folder !== '') await rm(folder, { recursive: true, force: true });
  }

  /** What a killed process left in the log may need more memory to open than usual. */
  async #open(): Promise<OpenFile> {
    try {
      return await this.#tryOpen();
    } catch (error) {
      if (!(error instanceof SyncError && error.detail.isMemory === true) || !this.#raiseMemory()) throw error;
      return this.#tryOpen();
    }
  }

  #tryOpen(): Promise<OpenFile> {
    const { folder } = this;
    this.#threads = ALL_THREADS;
    return openFile(this.path, { isReadOnly: this.#isReadOnly, memoryBytes: this.#memoryBytes, folder });
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
    await this.#lastBeside;
    await file?.close();
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(work);
    this.#last = turn.catch(() => {});
    return turn;
  }

  /** Of those beside each other; it may be taken within the other turn, never the other way round. */
  #inShortTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#lastBeside.then(work);
    this.#lastBeside = turn.catch(() => {});
    return turn;
  }
}

/** By real path. A thread has one module instance, and a lock of the process keeps its other threads away. */
const sharedFiles = new Map<string, SharedFile>();

/**
 * Opens a database file. To write, the file and its folder are made where they do not exist.
 * @param filesRoot where readers put their own files; writers put them beside the database
 * @throws `FILE_LOCKED`, `FILE_INVALID`, `CONN_PRIVILEGE_MISSING`, `CONN_DATABASE_MISSING`
 */
export async function leaseFile(
  path: string,
  mode: LeaseMode = 'write',
  filesRoot: string = dirname(path),
): Promise<FileLease> {
  const shared = sharedFiles.get(path) ?? new SharedFile(path);
  sharedFiles.set(path, shared);
  await shared.acquire(mode, filesRoot);
  let isReleased = false;
  return {
    get folder() {
      return shared.folder;
    },
    async exclusive(action, work, signal) {
      // Else the file would be opened again with nobody left to close it.
      if (isReleased) throw closed(action, path);
      return await shared.exclusive(action, work, signal);
    },
    async beside(action, work, signal) {
      if (isReleased) throw closed(action, path);
      return await shared.beside(action, work, signal);
    },
    collect: () => shared.collect(),
    async [Symbol.asyncDispose]() {
      if (isReleased) return;
      isReleased = true;
      await shared.release(mode);
    },
  };
}

/** Folder beside the database for segment files and what DuckDB spills. */
function folderOf(path: string): string {
  return `${path}.millrace`;
}

async function inodeOf(path: string): Promise<string> {
  const found = await stat(path, { bigint: true }).catch(() => null);
  return found === null ? '' : `${found.dev} ${found.ino}`;
}

function closed(action: Action, path: string): SyncError {
  return new SyncError('CONN_LOST', `${action} ${path} failed: it was closed. It is tried again.`);
}

function replaced(path: string): SyncError {
  return new SyncError(
    'FILE_LOCKED',
    `Opening ${path} failed: another file was put in its place while a sync works with the old one. Millrace tries again by itself; exchange the file while no sync runs.`,
  );
}

function inUse(path: string, how: 'read' | 'written'): SyncError {
  return new SyncError(
    'FILE_LOCKED',
    `Opening ${path} failed: another sync of this server ${how === 'read' ? 'reads' : 'writes'} it now. Millrace tries again by itself; let the two syncs start at different times.`,
  );
}
