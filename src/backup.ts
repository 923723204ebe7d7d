import { createReadStream, existsSync } from 'node:fs';
import { link, open, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createGzip } from 'node:zlib';
import { SyncError } from './core/index.ts';
import { masterKeyOf, openDatabase } from './metadata-database.ts';
import {
  type Config,
  type ConfigOverrides,
  isSystemError,
  localUrl,
  lockHome,
  prepareHome,
  readCliFile,
  readConfig,
  toCliFile,
  toDatabaseError,
  writeCliFile,
} from './runtime/index.ts';
import { backupLines, type Restored, restoreBackup, splitLines } from './store/index.ts';

/** What `millrace backup` was asked for. */
export interface BackupRequest {
  readonly file: string;
  /** Puts the master key and the home's API keys into the file. */
  readonly withKey: boolean;
  /** Prints one JSON document instead of sentences. */
  readonly isJson: boolean;
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
  await writeFile(file, withEnds(lines, database.url));
  if (request.isJson) printJson({ file, with_key: request.withKey });
  else
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
  /** Prints one JSON document instead of sentences. */
  readonly isJson: boolean;
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
    const restored = await restore(config, database.url, file, request.replace);
    const broughtCliFile = keepCliFile(config, restored.commandLine);
    if (request.isJson)
      printJson({
        created_at: restored.createdAt,
        rows: restored.rows,
        interrupted_executions: restored.interrupted,
        wrote_master_key: restored.broughtKey,
        wrote_api_keys: broughtCliFile,
      });
    else process.stdout.write(describeRestore(config, restored, broughtCliFile));
    return 0;
  } finally {
    lock.release();
  }
}

async function restore(config: Config, url: string, file: string, replace: boolean): Promise<Restored> {
  try {
    const isAlone = config.databaseUrl === undefined;
    return await restoreBackup(readLines(file), { url, masterKey: masterKeyOf(config), replace, isAlone });
  } catch (error) {
    throw toDatabaseError(error, url);
  }
}

function describeRestore({ home }: Config, restored: Restored, broughtCliFile: boolean): string {
  const { rows, createdAt, interrupted, broughtKey } = restored;
  return [
    `Restored ${rows} rows as of ${createdAt}. The next execution of each sync reads everything.`,
    ...(interrupted > 0
      ? [`Executions that ran then are interrupted now (${interrupted}): start their syncs again.`]
      : []),
    ...(broughtKey ? [`The master key was written to ${join(home, 'master.key')}.`] : []),
    ...(broughtCliFile ? [`The API keys were written to ${join(home, 'cli.json')}.`] : []),
    'Start the server: millrace serve',
    '',
  ].join('\n');
}

function printJson(document: object): void {
  process.stdout.write(`${JSON.stringify(document, undefined, 2)}\n`);
}

/** Keys that are there already are those of a server somewhere, and stay. */
function keepCliFile(config: Config, kept: unknown): boolean {
  const file = toCliFile(kept);
  if (file === undefined || readCliFile(config.home) !== undefined) return false;
  writeCliFile(config.home, { ...file, url: localUrl(config.host, config.port) });
  return true;
}

/** Whole or not at all, and readable by our user only: it holds sealed passwords and hashes of keys. */
async function writeFile(file: string, lines: AsyncIterable<string>): Promise<void> {
  const draft = `${file}.${process.pid}.part`;
  try {
    const handle = await open(draft, 'wx', 0o600);
    await pipeline(Readable.from(lines), createGzip(), handle.createWriteStream({ flush: true }));
    // Unlike a rename it does not replace a file that came meanwhile.
    await link(draft, file);
  } catch (error) {
    throw error instanceof SyncError || !isSystemError(error) ? error : fileProblem(file, error.message);
  } finally {
    await rm(draft, { force: true });
  }
}

/** What the database says is told apart here from what the file system says. */
async function* withEnds(lines: AsyncIterable<string>, url: string): AsyncGenerator<string> {
  try {
    for await (const line of lines) yield `${line}\n`;
  } catch (error) {
    throw toDatabaseError(error, url);
  }
}

async function* readLines(file: string): AsyncGenerator<string> {
  const packed = createReadStream(file);
  const text = createGunzip().setEncoding('utf8');
  packed.on('error', (error) => text.destroy(error));
  packed.pipe(text);
  try {
    yield* splitLines(text);
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
}

function fileProblem(file: string, why: string): SyncError {
  return new SyncError('BACKUP_INVALID', `Could not use ${file}: ${why}. Name another file.`);
}
