import pg from 'pg';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../src/runtime/index.ts';
import { DEMO } from './plan.ts';

/** What a connection's configuration says about a database. */
export interface Address {
  readonly hostname: string;
  readonly port: number;
  readonly username: string;
  readonly password: string;
  readonly database: string;
}

/** The demo's own PostgreSQL server, beside the one that holds Millrace's metadata. Disposing stops it. */
export interface DemoDatabases extends AsyncDisposable {
  readonly source: Address;
  readonly destination: Address;
  /** Drops both databases and makes them again, empty. Ends whoever is still connected. */
  rebuild(): Promise<void>;
}

const LOG = {
  info: () => {},
  warn: () => {},
  error: (_: unknown, text?: string) => console.error(text ?? 'the demo database reported an error'),
};

/** Starts the server, or takes over the one that a killed demo left running. Its data stays as it is. */
export async function openDatabases(home: string): Promise<DemoDatabases> {
  const server = await startEmbeddedPostgres({ home, name: 'demo', log: LOG });
  return {
    source: addressOf(server, DEMO.sourceDatabase),
    destination: addressOf(server, DEMO.destinationDatabase),
    rebuild: () => rebuild(server),
    [Symbol.asyncDispose]: () => server.stop(),
  };
}

/** Opens a session and closes it after the work. */
export async function withClient<T>(address: Address, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const { hostname: host, port, username: user, password, database } = address;
  return inSession(new pg.Client({ host, port, user, password, database }), work);
}

function addressOf(server: EmbeddedPostgres, database: string): Address {
  const { hostname, port, username, password } = new URL(server.url);
  return { hostname, port: Number(port), username, password: decodeURIComponent(password), database };
}

async function rebuild(server: EmbeddedPostgres): Promise<void> {
  const owner = new URL(server.url).username;
  await inSession(new pg.Client({ connectionString: server.superuserUrl }), async (client) => {
    for (const database of [DEMO.sourceDatabase, DEMO.destinationDatabase]) {
      await client.query(`DROP DATABASE IF EXISTS ${database} WITH (FORCE)`);
      await client.query(`CREATE DATABASE ${database} OWNER ${owner}`);
    }
    // To promise that no late commit is missed, a source's user must see when others' transactions began.
    await client.query(`GRANT pg_read_all_stats TO ${owner}`);
  });
}

async function inSession<T>(client: pg.Client, work: (client: pg.Client) => Promise<T>): Promise<T> {
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}
