import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import pg from 'pg';
import { createInstallationKey } from '../../../src/operations/index.ts';
import { openStore } from '../../../src/store/index.ts';
import { createTestHome, type MillraceProcess, startMillrace, waitFor } from '../../setup/millrace.ts';
import { startOwnServer } from '../../setup/own-server.ts';
import { postgresConfiguration } from '../../setup/syncs.ts';
import type { Furniture } from './scene.ts';
import type { Target } from './transports.ts';

/** A whole server with a source and a destination of its own. */
export interface World extends AsyncDisposable {
  readonly target: Target;
  readonly furniture: Furniture;
  /** Of the server's own database, as its owner. */
  readonly metadataUrl: string;
  /** The last lines of the server's log, for a run that went wrong. */
  readLog(): string;
}

const SOURCE_SQL = `
  CREATE TABLE customers (id bigint PRIMARY KEY, email varchar(255) NOT NULL, updated_at timestamptz NOT NULL DEFAULT now());
  CREATE TABLE orders (id bigint PRIMARY KEY, customer_id bigint REFERENCES customers, total numeric(12,2), placed_at timestamptz);
  CREATE TABLE events (id bigint PRIMARY KEY, payload jsonb);
  CREATE TABLE notes (body text);
  INSERT INTO customers SELECT n, 'c' || n || '@example.org', now() FROM generate_series(1, 20) n;
  INSERT INTO orders SELECT n, n % 20 + 1, n * 1.5, now() FROM generate_series(1, 100) n;
  INSERT INTO events SELECT n, '{"city": "Ulm"}' FROM generate_series(1, 5) n;
  INSERT INTO notes SELECT 'note ' || n FROM generate_series(1, 5) n;
  ANALYZE`;

/** What a model sync writes into. */
const DESTINATION_SQL = 'CREATE TABLE people (id bigint PRIMARY KEY, email text)';

/** Starts it; dispose it. Requests are not limited, since one caller sends them all. */
export async function createWorld(): Promise<World> {
  const stack = new AsyncDisposableStack();
  try {
    const postgres = stack.use(await startOwnServer());
    const [metadata, source, destination] = await createDatabases(postgres.url);
    await query(source, SOURCE_SQL);
    await query(destination, DESTINATION_SQL);
    const home = stack.use(await createTestHome());
    const environment = { DATABASE_URL: metadata, MILLRACE_RATE_LIMIT: '0' };
    const server = stack.use(await startMillrace(home, environment));
    const target: Target = {
      url: server.url,
      keys: { user: server.apiKey, partner: await createPartnerKey(metadata, home.folder) },
    };
    const furniture = await furnish(server, source, destination);
    const disposing = stack.move();
    return {
      target,
      furniture,
      metadataUrl: metadata,
      readLog: () => home.readLog().slice(-5_000),
      [Symbol.asyncDispose]: () => disposing.disposeAsync(),
    };
  } catch (error) {
    await stack.disposeAsync();
    throw error;
  }
}

/** As an operator makes it on the server's machine. */
async function createPartnerKey(metadata: string, home: string): Promise<string> {
  const masterKey = { environment: null, file: join(home, 'master.key') };
  const store = await openStore({ url: metadata, masterKey, maxConnections: 2 });
  try {
    const request = { kind: 'partner', organizationId: null, email: null } as const;
    return (await createInstallationKey({ store, newId: randomUUID }, request)).key;
  } finally {
    await store.close();
  }
}

async function createDatabases(superuserUrl: string): Promise<[string, string, string]> {
  await query(superuserUrl, `CREATE ROLE tester LOGIN PASSWORD 'conformance'`);
  const create = async (name: string): Promise<string> => {
    await query(superuserUrl, `CREATE DATABASE ${name} OWNER tester`);
    return Object.assign(new URL(superuserUrl), { username: 'tester', password: 'conformance', pathname: `/${name}` })
      .href;
  };
  return [await create('metadata'), await create('shop'), await create('warehouse')];
}

async function query(url: string, sql: string): Promise<void> {
  const client = new pg.Client(url);
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}

async function furnish(server: MillraceProcess, source: string, destination: string): Promise<Furniture> {
  const signal = AbortSignal.timeout(60_000);
  const { client } = server;
  const connect = async (name: string, url: string): Promise<string> => {
    const { id } = await client.createConnection(
      { name, type: 'postgresql', configuration: postgresConfiguration(url) },
      signal,
    );
    await waitFor(
      async () => ((await client.getSchemasStatus(id, signal)).cache_status === 'refreshing' ? null : true),
      signal,
    );
    return id;
  };
  const httpApi = await client.createConnection(
    { name: 'itself', type: 'api', configuration: { url: server.url } },
    signal,
  );
  const answer = await fetch(`${server.url}/api/me`, { headers: { authorization: `Bearer ${server.apiKey}` } });
  const { data }: { data: { id: string; organization_id: string } } = JSON.parse(await answer.text());
  return {
    sourceId: await connect('shop', source),
    sourceConfiguration: postgresConfiguration(source),
    destinationId: await connect('warehouse', destination),
    httpApiId: httpApi.id,
    organizationId: data.organization_id,
    userId: data.id,
  };
}
