import { mkdir } from 'node:fs/promises';
import { availableParallelism, totalmem } from 'node:os';
import { dirname } from 'node:path';
import { locks } from 'node:worker_threads';
import type { DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { fileLocked, toSyncError } from './errors.ts';
import type { SessionParts } from './session.ts';
import { removeUnfinished } from './unfinished-file.ts';

const MIB = 1024 * 1024;
/** With it an ordinary load stays within 400 MB above the idle process; joins and sorts beyond it spill beside the file. */
export const USUAL_MEMORY_BYTES: number = 192 * MIB;
/** For records so wide that a block of them does not fit; DuckDB keeps those in memory until they are committed. */
const MAX_MEMORY_SHARE = 0.4;

/** A database that DuckDB has open here. */
export interface OpenFile {
  readonly connection: DuckDBConnection;
  /** For what does not wait until the other one is free. */
  readonly beside: DuckDBConnection;
  /** As a session needs it. */
  readonly setMemory: SessionParts['setMemory'];
  close(): Promise<void>;
}

/** How a database is opened. */
export interface Opening {
  readonly isReadOnly: boolean;
  readonly memoryBytes: number;
  /** Absolute; for what DuckDB spills. */
  readonly folder: string;
}

/** The most memory that DuckDB may ever use on this machine, or in this container, in bytes. */
export function maxMemoryBytes(): number {
  const allowed = process.constrainedMemory();
  return Math.floor((allowed > 0 ? Math.min(allowed, totalmem()) : totalmem()) * MAX_MEMORY_SHARE);
}

/**
 * Opens a database file, which is made unless it is only read. The lock is held as long as the file is open. DuckDB's own
 * lock keeps other processes out but not a second opening in this one, after which tables vanish in silence.
 * @throws `FILE_LOCKED`, `FILE_INVALID`, `CONN_PRIVILEGE_MISSING`, `CONN_DATABASE_MISSING`
 */
export async function openFile(path: string, opening: Opening): Promise<OpenFile> {
  const closed = Promise.withResolvers<void>();
  const opened = Promise.withResolvers<OpenFile>();
  const held = locks.request(`duckdb ${path}`, { ifAvailable: true }, async (lock) => {
    if (lock === null) throw fileLocked('Opening', path, undefined);
    const file = await openAlone(path, opening);
    const close = async () => {
      await file.close().finally(closed.resolve);
      await held;
    };
    opened.resolve({ ...file, close });
    await closed.promise;
  });
  held.catch((error: unknown) => opened.reject(toSyncError(error, 'Opening', path)));
  return opened.promise;
}

async function openAlone(path: string, opening: Opening): Promise<OpenFile> {
  if (opening.isReadOnly) return openInstance(path, { ...settingsFor(opening), access_mode: 'READ_ONLY' });
  await mkdir(dirname(path), { recursive: true });
  const settings = { ...settingsFor(opening), access_mode: 'READ_WRITE' };
  try {
    return await openInstance(path, settings);
  } catch (error) {
    if (isLocked(error) || !(await removeUnfinished(path))) throw error;
  }
  try {
    return await openInstance(path, settings);
  } catch (error) {
    // The disk is still full: what was begun again must be in nobody's way either.
    if (!isLocked(error)) await removeUnfinished(path);
    throw error;
  }
}

/** Another process has it open, which may just be making it. */
function isLocked(error: unknown): boolean {
  return String(error).includes('Could not set lock');
}

/**
 * Opens a database in memory that can read and write files of these folders only. What is set here cannot be changed by
 * later statements.
 */
export async function openMemory(opening: Omit<Opening, 'isReadOnly'>, folders: readonly string[]): Promise<OpenFile> {
  const file = await openInstance(':memory:', settingsFor(opening));
  try {
    // DuckDB follows links before it compares.
    const list = folders.map((folder) => `'${`${folder}/`.replaceAll("'", "''")}'`).join(', ');
    await file.connection.run(`SET allowed_directories = [${list}]`);
    await file.connection.run('SET enable_external_access = false');
    await file.connection.run('SET lock_configuration = true');
    return file;
  } catch (error) {
    await file.close();
    throw toSyncError(error, 'Opening', 'DuckDB');
  }
}

async function openInstance(path: string, settings: Record<string, string>): Promise<OpenFile> {
  // Loaded by the one thread that owns a file: in every other one its library would only take memory.
  const { DuckDBInstance: Instance } = await import('@duckdb/node-api');
  const instance = await Instance.create(path, settings);
  try {
    const [connection, beside, setting] = [
      await instance.connect(),
      await instance.connect(),
      await instance.connect(),
    ];
    for (const each of [connection, beside]) await each.run("SET TimeZone = 'UTC'");
    const usual = Number.parseInt(settings.memory_limit ?? '', 10);
    return {
      connection,
      beside,
      async setMemory(mebibytes) {
        const limit = mebibytes === 'usual' ? usual : Math.min(mebibytes, usual);
        await setting.run(`SET memory_limit = '${limit}MiB'`);
      },
      close: () => close(instance, [connection, beside, setting], settings.access_mode === 'READ_WRITE'),
    };
  } catch (error) {
    instance.closeSync();
    throw error;
  }
}

async function close(
  instance: DuckDBInstance,
  connections: readonly DuckDBConnection[],
  isWritable: boolean,
): Promise<void> {
  // Closing would do the same, but on this thread's time. It fails on an invalidated database, which the next opening recovers.
  if (isWritable) await connections[0]?.run('CHECKPOINT').catch(() => {});
  for (const connection of connections) connection.closeSync();
  instance.closeSync();
}

function settingsFor({ memoryBytes, folder }: Omit<Opening, 'isReadOnly'>): Record<string, string> {
  return {
    memory_limit: `${Math.floor(memoryBytes / MIB)}MiB`,
    threads: String(availableParallelism()),
    temp_directory: folder,
    // Order within a table is not promised, and keeping it costs memory.
    preserve_insertion_order: 'false',
    // A checkpoint puts small groups of records together, and keeps all of them in memory until it writes them. What one leaves
    // the next ones do.
    max_vacuum_tasks: '2',
    autoinstall_known_extensions: 'false',
    autoload_known_extensions: 'false',
  };
}
