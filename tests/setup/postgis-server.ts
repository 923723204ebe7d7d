import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import pg from 'pg';
import { findFreePort } from './ssh-server.ts';
import { findPostgis } from './system-packages.ts';

/** A PostgreSQL of the system's packages with PostGIS in its database. */
export interface PostgisServer extends AsyncDisposable {
  /** As superuser. */
  readonly url: string;
  /** Runs statements, and answers the records of the last one as arrays of text. */
  sql(text: string): Promise<(string | null)[][]>;
}

const USER = 'postgres';
const PASSWORD = 'postgis';
/** Debian's user for services that need no rights; PostgreSQL does not run as root. */
const NOBODY = 65_534;

/** Starts it; dispose it. Needs `findPostgis`. */
export async function startPostgisServer(): Promise<PostgisServer> {
  const programs = findPostgis() ?? '';
  const folder = mkdtempSync(join(tmpdir(), 'millrace-postgis-'));
  const data = join(folder, 'data');
  mkdirSync(data, { mode: 0o700 });
  writeFileSync(join(folder, 'password'), PASSWORD);
  chmodSync(folder, 0o755);
  const isRoot = process.getuid?.() === 0;
  if (isRoot) chownSync(data, NOBODY, NOBODY);
  const asNobody = { cwd: folder, ...(isRoot ? { uid: NOBODY, gid: NOBODY } : {}) };
  const cluster = ['-D', data, '-U', USER, '-A', 'scram-sha-256', '--pwfile', join(folder, 'password')];
  const made = spawnSync(join(programs, 'initdb'), [...cluster, '-E', 'UTF8', '--no-locale', '-N'], asNobody);
  if (made.status !== 0) throw new Error(`initdb failed: ${made.stderr}`);
  const port = await findFreePort();
  const settings = ['listen_addresses=127.0.0.1', `port=${port}`, 'unix_socket_directories=', 'fsync=off'];
  const server = spawn(join(programs, 'postgres'), ['-D', data, ...settings.flatMap((setting) => ['-c', setting])], {
    ...asNobody,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  await untilReady(server.stderr, once(server, 'exit'));
  const url = `postgresql://${USER}:${PASSWORD}@127.0.0.1:${port}/postgres`;
  const client = new pg.Client({ connectionString: url, types: { getTypeParser: () => String } });
  await client.connect();
  await client.query('CREATE EXTENSION postgis');
  return {
    url,
    sql: async (text) => (await client.query({ text, rowMode: 'array' })).rows,
    async [Symbol.asyncDispose]() {
      await client.end();
      server.kill('SIGINT');
      if (server.exitCode === null) await once(server, 'exit');
      rmSync(folder, { recursive: true });
    },
  };
}

async function untilReady(log: NodeJS.ReadableStream, exit: Promise<unknown>): Promise<void> {
  const lines: string[] = [];
  await new Promise<void>((resolve, reject) => {
    createInterface({ input: log }).on('line', (line) => {
      lines.push(line);
      if (line.includes('ready to accept connections')) resolve();
    });
    void exit.then(() => reject(new Error(`PostgreSQL did not start: ${lines.join('; ')}`)));
  });
}
