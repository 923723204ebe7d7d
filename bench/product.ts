import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type DemoServer, startServer } from '../demo/server.ts';
import { waitForSchemas } from '../src/cli/index.ts';
import { type BulkSyncBody, type Client, createClient, type ExecutionBody } from '../src/contract/index.ts';
import { readConfig } from '../src/runtime/index.ts';
import { addressOf, type BenchDatabase, DESTINATION, SOURCE } from './database.ts';
import { readCpu, readMemory, resetHighestMemory } from './process-stats.ts';
import { tableName } from './table.ts';

/** The product as a user runs it: one server process, spoken to by HTTP. */
export interface Product extends AsyncDisposable {
  readonly client: Client;
  /** Removes every sync and connection of the organization and makes the benchmark's connections. */
  readonly connections: Readonly<Record<'source' | Destination, string>>;
  /** Runs a sync to its end and measures the server's process meanwhile. */
  run(sync: BulkSyncBody): Promise<ProductRun>;
  /** Sends what the client has no call for. */
  send(method: string, path: string, body: unknown): Promise<void>;
}

/** Where the benchmark's table is copied to. */
export type Destination = 'postgresql' | 'duckdb' | 'parquet';

/** What one execution took. */
export interface ProductRun {
  readonly wallSeconds: number;
  /** CPU seconds of the server's process with its threads, without PostgreSQL. */
  readonly cpuSeconds: number;
  /** CPU seconds of the metadata database meanwhile. */
  readonly metadataCpuSeconds: number;
  /** Resident memory before the execution, in bytes. */
  readonly idleBytes: number;
  /** Highest resident memory during the execution, in bytes. */
  readonly peakBytes: number;
}

const NO_SIGNAL = new AbortController().signal;
const DUCKDB_FILE = 'bench.duckdb';
const PARQUET_FOLDER = 'bench-parquet';
/** Each question costs CPU that the copy wants, too, so there are few: an execution says itself when it ended. */
const ASK_EVERY_MS = 500;
const SETTLE_MS = 3_000;
const FINISHED = new Set(['canceled', 'completed', 'failed', 'errors', 'interrupted']);

/** Starts a server on the benchmark's home and brings it to the same beginning each time. */
export async function openProduct(home: string, database: BenchDatabase): Promise<Product> {
  const server = await startServer(home, NO_SIGNAL);
  try {
    const client = createClient(server);
    await removeEverything(client);
    removeFiles(home, server);
    await removeTables(database);
    const connections = await makeConnections(client, database);
    // What starting up leaves behind is collected before the first figure is taken.
    await delay(SETTLE_MS);
    return {
      client,
      connections,
      run: (sync) => run(client, sync, server.pid ?? 0),
      send: (method, path, body) => send(server, { method, path, body }),
      [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
    };
  } catch (error) {
    await server[Symbol.asyncDispose]();
    throw error;
  }
}

/** A sync that reads the whole table at every start. */
export async function makeSync(
  { client, connections }: Product,
  options: { destination: Destination; depth: 'counts' | 'checksums'; rows: number },
): Promise<BulkSyncBody> {
  const sync = await client.createBulkSync({
    name: `bench ${options.destination} ${options.depth} ${options.rows}`,
    mode: 'snapshot',
    source_connection_id: connections.source,
    destination_connection_id: connections[options.destination],
    destination_configuration: { schema: `bench_${options.depth}` },
    default_schedule: { frequency: 'manual' },
    // The limit adds no columns either.
    disable_record_timestamps: true,
    schemas: [`public.${tableName(options.rows)}`],
  });
  await client.setSyncSettings(sync.id, { receipt_depth: options.depth, max_loss_percent: 100 });
  return sync;
}

async function send(
  { url, apiKey }: DemoServer,
  { method, path, body }: { readonly method: string; readonly path: string; readonly body: unknown },
): Promise<void> {
  const headers = { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' };
  const answer = await fetch(`${url}${path}`, { method, headers, body: JSON.stringify(body) });
  if (!answer.ok) throw new Error(`${method} ${path} was answered with ${await answer.text()}`);
}

async function run(client: Client, sync: BulkSyncBody, pid: number): Promise<ProductRun> {
  const idleBytes = readMemory(pid).now;
  resetHighestMemory(pid);
  const before = readCpu(pid);
  const startedAt = Date.now();
  const { id } = await client.startBulkSync(sync.id, {});
  const execution = await waitForEnd(client, sync.id, id);
  const after = readCpu(pid);
  if (execution.status !== 'completed')
    throw new Error(`"${sync.name}" ended ${execution.status}: ${execution.status_message ?? ''}`);
  return {
    wallSeconds: (endOf(execution) - startedAt) / 1000,
    cpuSeconds: after.own - before.own,
    metadataCpuSeconds: after.databases - before.databases,
    idleBytes,
    peakBytes: readMemory(pid).highest,
  };
}

async function waitForEnd(client: Client, syncId: string, executionId: string): Promise<ExecutionBody> {
  for (;;) {
    const execution = await client.getExecution(syncId, executionId);
    if (FINISHED.has(execution.status)) return execution;
    await delay(ASK_EVERY_MS);
  }
}

/** By the clock of the server, which is this machine's. */
function endOf({ completed_at }: ExecutionBody): number {
  if (completed_at === null) throw new Error('A finished execution does not say when it ended.');
  return Date.parse(completed_at);
}

async function removeEverything(client: Client): Promise<void> {
  for (const { id } of await client.listBulkSyncs()) await client.deleteBulkSync(id);
  for (const { id } of await client.listConnections()) await client.deleteConnection(id);
}

/** Tables of syncs that are gone would be somebody else's to the new ones. */
async function removeTables({ destination }: BenchDatabase): Promise<void> {
  const { rows } = await destination.query<{ nspname: string }>(
    `SELECT nspname FROM pg_namespace WHERE nspname ~ '^(bench_|__millrace$)'`,
  );
  for (const { nspname } of rows) await destination.query(`DROP SCHEMA ${nspname} CASCADE`);
}

function removeFiles(home: string, { organizationId }: DemoServer): void {
  const folder = join(readConfig(process.env, { home }).filesRoot, organizationId);
  for (const name of [DUCKDB_FILE, `${DUCKDB_FILE}.wal`, PARQUET_FOLDER])
    rmSync(join(folder, name), { recursive: true, force: true });
}

async function makeConnections(client: Client, { server }: BenchDatabase): Promise<Product['connections']> {
  const makeFile = async (type: 'duckdb' | 'parquet', path: string): Promise<string> =>
    (await client.createConnection({ name: type, type, configuration: { path } })).id;
  return {
    source: await connectPostgresql(client, server, { name: 'source', database: SOURCE }),
    postgresql: await connectPostgresql(client, server, { name: 'destination', database: DESTINATION }),
    duckdb: await makeFile('duckdb', DUCKDB_FILE),
    parquet: await makeFile('parquet', PARQUET_FOLDER),
  };
}

/** Makes a connection to a database of the benchmark's server, and waits until its schemas are known. */
export async function connectPostgresql(
  client: Client,
  server: BenchDatabase['server'],
  { name, database }: { readonly name: string; readonly database: string },
  others: Readonly<Record<string, unknown>> = {},
): Promise<string> {
  const { host, port, user, password } = addressOf(server);
  const configuration = {
    hostname: host,
    port: Number(port),
    username: user,
    password,
    database,
    ssl: false,
    ...others,
  };
  const { id } = await client.createConnection({ name, type: 'postgresql', configuration });
  await waitForSchemas(client, id, NO_SIGNAL);
  return id;
}
