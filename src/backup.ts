import { once } from 'node:events';
import { createReadStream, existsSync } from 'node:fs';
import { link, open, unlink } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createGzip } from 'node:zlib';
import { SyncError } from './core/index.ts';
import {
  type Config,
  type ConfigOverrides,
  createLogger,
  findEmbeddedPostgres,
  lockHome,
  prepareHome,
  readConfig,
  startEmbeddedPostgres,
  toDatabaseError,
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
  });
  await asDatabaseWork(database.url, () => writeFile(file, lines));
  process.stdout.write(
    `The metadata are in ${file}${request.withKey ? ', with the master key: keep it as you keep the key itself' : '. The master key is not: keep a copy of it elsewhere'}.\n`,
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
      }),
    );
    process.stdout.write(
      [
        `Restored ${restored.rows} rows as of ${restored.createdAt}. The next execution of each sync reads everything.`,
        ...(restored.interrupted > 0
          ? [`${restored.interrupted} executions that ran then are interrupted now: start their syncs again.`]
          : []),
        ...(restored.broughtKey ? [`The master key was written to ${join(config.home, 'master.key')}.`] : []),
        'Start the server: millrace serve',
        '',
      ].join('\n'),
    );
    return 0;
  } finally {
    lock.release();
  }
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
  const text = createGunzip();
  const failure = Promise.race([once(packed, 'error'), once(text, 'error')]).then(([error]) => {
    throw new SyncError(
      'BACKUP_INVALID',
      `Reading ${file} failed: ${error}. It is no whole backup; nothing was restored.`,
    );
  });
  failure.catch(() => {});
  packed.pipe(text);
  const lines = createInterface({ input: text, crlfDelay: Infinity })[Symbol.asyncIterator]();
  try {
    for (;;) {
      const next = await Promise.race([lines.next(), failure]);
      if (next.done) return;
      yield next.value;
    }
  } finally {
    packed.destroy();
    text.destroy();
  }
}

function fileProblem(file: string, why: string): SyncError {
  return new SyncError('BACKUP_INVALID', `Could not use ${file}: ${why}. Name another file.`);
}
