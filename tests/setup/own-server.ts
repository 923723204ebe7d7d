import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { createLogger, prepareHome, startEmbeddedPostgres } from '../../src/runtime/index.ts';
import { createTestHome } from './homes.ts';
import { findFreePort } from './ssh-server.ts';

/** A PostgreSQL of one test file, whose own settings and files it may change. */
export interface OwnServer extends AsyncDisposable {
  /** As superuser, in the database `postgres`. */
  readonly url: string;
  /** Runs statements as superuser. */
  sql(text: string): Promise<pg.QueryResult>;
  /** Puts a file into the data folder; `first` lays the text before what is there. */
  writeFile(name: string, text: string, first?: 'first'): void;
  /** Starts a streaming replica with further settings; the server's own disposal does not stop it. */
  startReplica(settings?: Readonly<Record<string, string>>): Promise<Replica>;
}

/** A hot standby of an own server. */
export interface Replica extends AsyncDisposable {
  readonly url: string;
  /** Resolves when everything that the primary has committed by now can be seen. */
  catchUp(): Promise<void>;
}

/** Starts it; dispose it. */
export async function startOwnServer(settings: Readonly<Record<string, string>> = {}): Promise<OwnServer> {
  const home = createTestHome();
  prepareHome(home.path);
  const server = await startEmbeddedPostgres({ home: home.path, settings, log: createLogger({ level: 'warn' }) });
  const url = server.superuserUrl;
  const sql = (text: string) => query(url, text);
  const { rows } = await sql('SHOW data_directory');
  const folder = String(rows[0]?.data_directory);
  return {
    url,
    sql,
    writeFile(name, text, first) {
      const file = join(folder, name);
      writeFileSync(file, first === undefined ? text : `${text}\n${readFileSync(file, 'utf8')}`, { mode: 0o600 });
      giveTo(file, folder);
    },
    startReplica: (more = {}) => startReplica(url, folder, more),
    async [Symbol.asyncDispose]() {
      await server.stop();
      home[Symbol.dispose]();
    },
  };
}

async function startReplica(
  primaryUrl: string,
  primaryFolder: string,
  settings: Readonly<Record<string, string>>,
): Promise<Replica> {
  const folder = mkdtempSync(join(dirname(primaryFolder), 'replica-'));
  giveTo(folder, primaryFolder);
  await copyCluster(primaryUrl, primaryFolder, folder);
  const { hostname, port, username, password } = new URL(primaryUrl);
  const ownPort = await findFreePort();
  const all = {
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    port: String(ownPort),
    max_connections: '200',
    max_prepared_transactions: '20',
    timezone: 'UTC',
    primary_conninfo: `host=${hostname} port=${port} user=${username} password=${decodeURIComponent(password)}`,
    ...settings,
  };
  const [program = ''] = readFileSync(join(primaryFolder, 'postmaster.opts'), 'utf8').split(' ');
  const args = Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const { uid, gid } = statSync(primaryFolder);
  const account = process.getuid?.() === 0 ? { uid, gid } : {};
  const server = spawn(program, ['-D', folder, ...args], { ...account, cwd: folder, stdio: 'ignore' });
  const url = new URL(primaryUrl);
  url.port = String(ownPort);
  await untilReady(url.href, server);
  return {
    url: url.href,
    catchUp: () => catchUp(primaryUrl, url.href),
    async [Symbol.asyncDispose]() {
      server.kill('SIGINT');
      if (server.exitCode === null) await once(server, 'exit');
      rmSync(folder, { recursive: true });
    },
  };
}

/** A base backup by hand: the programs that npm brings have no pg_basebackup. */
async function copyCluster(url: string, from: string, to: string): Promise<void> {
  const client = new pg.Client(url);
  await client.connect();
  try {
    await client.query(`SELECT pg_backup_start('replica', true)`);
    cpSync(from, to, { recursive: true, filter: (path) => !/postmaster\.(pid|opts)$|pg_replslot\/./.test(path) });
    const { rows } = await client.query<{ labelfile: string }>('SELECT labelfile FROM pg_backup_stop(false)');
    writeFileSync(join(to, 'backup_label'), rows[0]?.labelfile ?? '');
    writeFileSync(join(to, 'standby.signal'), '');
  } finally {
    await client.end();
  }
  giveAllTo(to, from);
}

async function untilReady(url: string, server: ChildProcess): Promise<void> {
  for (let turn = 0; turn < 300; turn += 1) {
    if (server.exitCode !== null) throw new Error(`the replica ended with ${server.exitCode}`);
    const isReady = await query(url, 'SELECT 1').then(
      () => true,
      () => false,
    );
    if (isReady) return;
    await sleep(100);
  }
  throw new Error('the replica did not become ready');
}

async function catchUp(primaryUrl: string, replicaUrl: string): Promise<void> {
  const { rows } = await query(primaryUrl, 'SELECT pg_current_wal_lsn() AS position');
  for (let turn = 0; turn < 300; turn += 1) {
    const seen = await query(replicaUrl, `SELECT pg_last_wal_replay_lsn() >= '${rows[0]?.position}' AS there`);
    if (seen.rows[0]?.there === true) return;
    await sleep(50);
  }
  throw new Error('the replica did not catch up');
}

function giveTo(path: string, like: string): void {
  const { uid, gid } = statSync(like);
  if (process.getuid?.() === 0) chownSync(path, uid, gid);
}

function giveAllTo(folder: string, like: string): void {
  for (const path of readdirSync(folder, { recursive: true })) giveTo(join(folder, String(path)), like);
  giveTo(folder, like);
}

async function query(url: string, text: string): Promise<pg.QueryResult> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 10_000 });
  await client.connect();
  try {
    return await client.query(text);
  } finally {
    await client.end();
  }
}
