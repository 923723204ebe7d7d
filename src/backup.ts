import { createReadStream, existsSync } from 'node:fs';
import { link, open, unlink } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createGzip } from 'node:zlib';
import { SyncError } from './core/index.ts';
import {
  type Config,
  type ConfigOverrides,
  createLogger,
  findEmbeddedPostgres,
  localUrl,
  lockHome,
  prepareHome,
  readCliFile,
  readConfig,
  startEmbeddedPostgres,
  toCliFile,
  toDatabaseError,
  writeCliFile,
} from './runtime/index.ts';
import { backupLines, restoreBackup } from './store/index.ts';

/** What `millrace backup` was asked for. */
export interface BackupRequest {
  readonly file: string;
  /** Puts the master key into the file. */
  readonly withKey: boolean;
}

/** Writes the metadata into a new file, also while servers run. Answers with the exit code. */
export async function runBackup(overrides: ConfigOverrides, request: BackupRequest, version: string): Promise<number> {
  const config = readConfig(undefined, overrides);
  const file = resolve(request.file);
  if (existsSync(file)) throw fileProblem(file, 'there is a file of that name');
  await using database = await openDatabase(config, 'may be running');
  const lines = backupLines({
    url: database.url,
    version,
    masterKey: request.withKey ? masterKeyOf(config) : null,
    commandLine: request.withKey ? (readCliFile(config.home) ?? null) : null,
  });
  await asDatabaseWork(database.url, () => writeFile(file, lines));
  process.stdout.write(
    `The metadata are in ${file}${request.withKey ? ', with the master key and the API keys of this home: keep it as you keep the keys themselves' : '. master.key and cli.json are not: keep copies of them elsewhere'}.\n`,
  );
  return 0;
}

/** What `millrace restore` was asked for. */
export interface RestoreRequest {
  readonly file: string;
  /** Drops what the database holds. */
  readonly replace: boolean;
}

/** Restores the metadata from a file, while no server runs. Answers with the exit code. */
export async function runRestore(overrides: ConfigOverrides, request: RestoreRequest): Promise<number> {
  const config = readConfig(undefined, overrides);
  const file = resolve(request.file);
  if (!existsSync(file)) throw fileProblem(file, 'it is not there');
  prepareHome(config.home);
  const lock = lockHome(config.home);
  try {
    await using database = await openDatabase(config, 'is ours');
    const restored = await asDatabaseWork(database.url, () =>
      restoreBackup(readLines(file), {
        url: database.url,
        masterKey: masterKeyOf(config),
        replace: request.replace,
        isAlone: config.databaseUrl === undefined,
      }),
    );
    const broughtCliFile = keepCliFile(config, restored.commandLine);
    process.stdout.write(
      [
        `Restored ${restored.rows} rows as of ${restored.createdAt}. The next execution of each sync reads everything.`,
        ...(restored.interrupted > 0
          ? [`${restored.interrupted} executions that ran then are interrupted now: start their syncs again.`]
          : []),
        ...(restored.broughtKey ? [`The master key was written to ${join(config.home, 'master.key')}.`] : []),
        ...(broughtCliFile ? [`The API keys were written to ${join(config.home, 'cli.json')}.`] : []),
        'Start the server: millrace serve',
        '',
      ].join('\n'),
    );
    return 0;
  } finally {
    lock.release();
  }
}

/** Keys that are there already are those of a server somewhere, and stay. */
function keepCliFile(config: Config, kept: unknown): boolean {
  const file = toCliFile(kept);
  if (file === undefined || readCliFile(config.home) !== undefined) return false;
  writeCliFile(config.home, { ...file, url: localUrl(config.host, config.port) });
  return true;
}

function masterKeyOf(config: Config) {
  const environment = config.encryptionKey === undefined ? null : Buffer.from(config.encryptionKey).toString('hex');
  return { environment, file: join(config.home, 'master.key') };
}

interface OpenDatabase extends AsyncDisposable {
  readonly url: string;
}

/** The metadata database, started for as long as it is needed where it is the embedded one and does not run. */
async function openDatabase(config: Config, home: 'may be running' | 'is ours'): Promise<OpenDatabase> {
  if (config.databaseUrl !== undefined) return { url: config.databaseUrl, [Symbol.asyncDispose]: async () => {} };
  const running = home === 'is ours' ? undefined : findEmbeddedPostgres(config.home);
  if (running !== undefined) return { url: running, [Symbol.asyncDispose]: async () => {} };
  const log = createLogger({ level: 'warn' });
  prepareHome(config.home);
  const embedded = await startEmbeddedPostgres({ home: config.home, log });
  return { url: embedded.url, [Symbol.asyncDispose]: () => embedded.stop() };
}

async function asDatabaseWork<T>(url: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw toDatabaseError(error, url);
  }
}

/** Whole or not at all, and readable by our user only: it holds sealed passwords and hashes of keys. */
async function writeFile(file: string, lines: AsyncIterable<string>): Promise<void> {
  const draft = `${file}.${process.pid}.part`;
  const handle = await open(draft, 'wx', 0o600).catch((error: unknown) => {
    throw fileProblem(draft, error instanceof Error ? error.message : String(error));
  });
  try {
    await pipeline(Readable.from(withEnds(lines)), createGzip(), handle.createWriteStream({ flush: true }));
    // Unlike a rename it does not replace a file that came meanwhile.
    await link(draft, file);
  } finally {
    await unlink(draft);
  }
}

async function* withEnds(lines: AsyncIterable<string>): AsyncGenerator<string> {
  for await (const line of lines) yield `${line}\n`;
}

async function* readLines(file: string): AsyncGenerator<string> {
  const packed = createReadStream(file);
  const text = createGunzip().setEncoding('utf8');
  packed.on('error', (error) => text.destroy(error));
  packed.pipe(text);
  let rest = '';
  try {
    for await (const part of text) {
      const lines = `${rest}${part}`.split('\n');
      rest = lines.pop() ?? '';
      yield* lines;
    }
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new SyncError(
      'BACKUP_INVALID',
      `${file} is no whole backup: ${reason}. Nothing was restored. Take another one.`,
      {
        cause: error,
      },
    );
  } finally {
    packed.destroy();
  }
  if (rest !== '') yield rest;
}

function fileProblem(file: string, why: string): SyncError {
  return new SyncError('BACKUP_INVALID', `Could not use ${file}: ${why}. Name another file.`);
}
