import { totalmem } from 'node:os';
import pg from 'pg';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../src/runtime/index.ts';

export const SOURCE = 'bench_source';
export const DESTINATION = 'bench_destination';

/** The server that holds the benchmark's source and destination, and a session in each. */
export interface BenchDatabase extends AsyncDisposable {
  readonly server: EmbeddedPostgres;
  readonly source: pg.Client;
  readonly destination: pg.Client;
  /** Writes out what is dirty, so that no round pays for the one before it. */
  settle(): Promise<void>;
}

const GIB = 1024 ** 3;

/** Settings of a database server that is meant to move data; durable, without autovacuum's noise. */
function settings(): Record<string, string> {
  const buffers = Math.max(128, Math.floor(Math.min(4 * GIB, totalmem() / 4) / 1024 ** 2));
  return {
    shared_buffers: `${buffers}MB`,
    max_wal_size: '16GB',
    checkpoint_timeout: '1h',
    maintenance_work_mem: '512MB',
    autovacuum: 'off',
  };
}

/** Starts the server; source tables of earlier runs are kept, the destination is made anew. */
export async function openBenchDatabase(home: string): Promise<BenchDatabase> {
  const log = { info: () => {}, warn: () => {}, error: (_: unknown, text?: string) => console.error(text) };
  const server = await startEmbeddedPostgres({ home, name: 'bench', settings: settings(), log });
  await makeDatabases(server);
  const source = await connect(server, SOURCE);
  const destination = await connect(server, DESTINATION);
  return {
    server,
    source,
    destination,
    settle: async () => {
      await source.query('CHECKPOINT');
    },
    [Symbol.asyncDispose]: async () => {
      await source.end();
      await destination.end();
      await dropDestination(server);
      await server.stop();
    },
  };
}

/** Name, password and address for a client of the server's superuser. */
export function addressOf({ superuserUrl }: EmbeddedPostgres): {
  host: string;
  port: string;
  user: string;
  password: string;
} {
  const { hostname, port, username, password } = new URL(superuserUrl);
  return { host: hostname, port, user: username, password: decodeURIComponent(password) };
}

/** A session of the server's superuser. */
export async function connect(server: EmbeddedPostgres, database: string): Promise<pg.Client> {
  const { host, port, user, password } = addressOf(server);
  const client = new pg.Client({ host, port: Number(port), user, password, database });
  await client.connect();
  return client;
}

async function makeDatabases(server: EmbeddedPostgres): Promise<void> {
  await dropDestination(server);
  const client = await connect(server, 'postgres');
  const { rowCount } = await client.query('SELECT FROM pg_database WHERE datname = $1', [SOURCE]);
  if (rowCount === 0) await client.query(`CREATE DATABASE ${SOURCE}`);
  await client.query(`CREATE DATABASE ${DESTINATION}`);
  await client.end();
}

async function dropDestination(server: EmbeddedPostgres): Promise<void> {
  const client = await connect(server, 'postgres');
  await client.query(`DROP DATABASE IF EXISTS ${DESTINATION} WITH (FORCE)`);
  await client.end();
}
