import { setTimeout as delay } from 'node:timers/promises';
import { waitForSchemas } from '../src/cli/index.ts';
import type { BulkSyncBody, BulkSyncRequest, Client, ConnectionBody } from '../src/contract/index.ts';
import type { Address } from './databases.ts';
import { DEMO } from './plan.ts';

// Everything in this file goes through the public HTTP API.

const ASK_EVERY_MS = 200;

/** Removes the syncs and connections that an earlier demo made, whatever became of it. */
export async function removeOldDemo(client: Client, signal: AbortSignal): Promise<void> {
  const names = new Set<string>(Object.values(DEMO.syncs));
  const syncs = (await client.listBulkSyncs(signal)).filter(({ name }) => names.has(name));
  for (const sync of syncs) await removeSync(client, sync, signal);
  const connectionNames = new Set<string>(Object.values(DEMO.connections));
  const connections = (await client.listConnections(signal)).filter(({ name }) => connectionNames.has(name));
  for (const { id } of connections) await client.deleteConnection(id, signal);
}

/** A demo that was killed may have left its sync running: that one carries on by itself. */
async function removeSync(client: Client, { id }: BulkSyncBody, signal: AbortSignal): Promise<void> {
  const isRunning = async () => (await client.getBulkSyncStatus(id, signal)).current_execution !== undefined;
  if (await isRunning()) await client.cancelBulkSync(id, signal);
  while (await isRunning()) await delay(ASK_EVERY_MS, undefined, { signal });
  await client.deleteBulkSync(id, signal);
}

/** Ids and names by side. */
export interface DemoConnections {
  readonly source: ConnectionBody;
  readonly postgresql: ConnectionBody;
  readonly duckdb: ConnectionBody;
}

/** Makes the three connections; the server checks each against its system before it stores it. */
export async function makeConnections(
  client: Client,
  addresses: { readonly source: Address; readonly destination: Address },
  signal: AbortSignal,
): Promise<DemoConnections> {
  const { connections: names } = DEMO;
  const postgresql = (name: string, address: Address) =>
    client.createConnection({ name, type: 'postgresql', configuration: { ...address, ssl: false } }, signal);
  const made = {
    source: await postgresql(names.source, addresses.source),
    postgresql: await postgresql(names.postgresql, addresses.destination),
    duckdb: await client.createConnection(
      { name: names.duckdb, type: 'duckdb', configuration: { path: DEMO.duckdbFile } },
      signal,
    ),
  };
  await waitForSchemas(client, made.source.id, signal);
  return made;
}

/** Makes one sync per destination, of the same five tables. */
export async function makeSyncs(
  client: Client,
  connections: DemoConnections,
  signal: AbortSignal,
): Promise<readonly BulkSyncBody[]> {
  const toPostgres = syncRequest(DEMO.syncs.postgresql, connections.source, connections.postgresql);
  const toDuckdb = syncRequest(DEMO.syncs.duckdb, connections.source, connections.duckdb);
  return [await client.createBulkSync(toPostgres, signal), await client.createBulkSync(toDuckdb, signal)];
}

function syncRequest(name: string, source: ConnectionBody, destination: ConnectionBody): BulkSyncRequest {
  return {
    name,
    mode: 'replicate',
    source_connection_id: source.id,
    destination_connection_id: destination.id,
    destination_configuration: { schema: DEMO.destinationSchema },
    default_schedule: { frequency: 'manual' },
    schemas: [
      { id: 'public.flights', tracking_field: 'updated_at' },
      'public.airports',
      'public.zipcodes',
      'public.birdstrikes',
      'public.movies',
    ],
  };
}
