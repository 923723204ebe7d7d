import type { BulkSyncBody, BulkSyncRequest, ExecutionBody, ReceiptBody } from '../../src/contract/index.ts';
import { type MillraceProcess, waitFor } from './millrace.ts';

/** A connection's configuration for the database of that URL. */
export function postgresConfiguration(url: string): Record<string, unknown> {
  const { hostname, port, username, password, pathname } = new URL(url);
  return {
    hostname,
    port: Number(port),
    username,
    password: decodeURIComponent(password),
    database: pathname.slice(1),
    ssl: false,
  };
}

/** A system that a connection leads to. */
export type Side = readonly [type: string, configuration: Record<string, unknown>];

/** Both ends of a sync, and what it takes along. */
export interface SyncToMake {
  readonly name: string;
  /** A text is the URL of a PostgreSQL database. */
  readonly source: Side | string;
  readonly destination: Side;
  readonly schemas: NonNullable<BulkSyncRequest['schemas']>;
  readonly mode?: BulkSyncRequest['mode'];
  /** Other options of the sync, laid over those that it is made with. */
  readonly options?: Partial<BulkSyncRequest>;
}

/** Makes a connection through the API, and answers its id when its schemas have been read. */
export async function makeConnection(
  { client }: Pick<MillraceProcess, 'client'>,
  [type, configuration]: Side,
  name: string,
  signal: AbortSignal,
): Promise<string> {
  const { id } = await client.createConnection({ name, type, configuration }, signal);
  // Of what is only written there is nothing to read.
  if (type !== 'parquet') await untilFresh({ client }, id, signal);
  return id;
}

/** Waits until a connection's schemas have been read, or could not be. */
export async function untilFresh(
  { client }: Pick<MillraceProcess, 'client'>,
  connectionId: string,
  signal: AbortSignal,
): Promise<void> {
  await waitFor(
    async () => ((await client.getSchemasStatus(connectionId, signal)).cache_status === 'refreshing' ? null : true),
    signal,
  );
}

/** Makes connections and sync through the API; the destination's schema is `landing`. */
export async function makeSync(
  server: Pick<MillraceProcess, 'client'>,
  { name, source, destination: to, schemas, mode = 'replicate', options }: SyncToMake,
  signal: AbortSignal,
): Promise<BulkSyncBody> {
  const { client } = server;
  const from: Side = typeof source === 'string' ? ['postgresql', postgresConfiguration(source)] : source;
  // A database file is opened to read its schemas: a test that looks into it meanwhile would find it locked.
  const [sourceId, destinationId] = await Promise.all([
    makeConnection(server, from, `source of ${name}`, signal),
    makeConnection(server, to, `destination of ${name}`, signal),
  ]);
  return client.createBulkSync(
    {
      name,
      mode,
      source_connection_id: sourceId,
      destination_connection_id: destinationId,
      destination_configuration: { schema: 'landing' },
      default_schedule: { frequency: 'manual' },
      schemas,
      ...options,
    },
    signal,
  );
}

/** An execution that has ended, and its receipt; null: it has none. */
export interface Ended {
  readonly execution: ExecutionBody;
  readonly receipt: ReceiptBody | null;
}

/** Each question costs the server and its metadata more than a wait of this length. */
const ENDED_POLL_MS = 100;
const ENDED = ['completed', 'errors', 'failed', 'canceled', 'interrupted'];

/** Waits for the end of an execution, whatever it is. */
export async function untilEnded(
  { client }: Pick<MillraceProcess, 'client'>,
  syncId: string,
  executionId: string,
  signal: AbortSignal,
): Promise<Ended> {
  const execution = await waitFor(
    async () => {
      const found = await client.getExecution(syncId, executionId, signal);
      return ENDED.includes(found.status) ? found : null;
    },
    signal,
    ENDED_POLL_MS,
  );
  return { execution, receipt: await client.findReceipt(syncId, executionId, signal) };
}
