import type { BulkSyncBody, BulkSyncRequest, StartBulkSyncRequest } from '../../src/contract/index.ts';
import { createTestDatabase, queryDatabase, type TestDatabase } from './databases.ts';
import { askServer, type MillraceProcess } from './millrace.ts';
import { type Ended, makeSync, postgresConfiguration, type SyncToMake, untilEnded } from './syncs.ts';

/** A source and a destination of their own, and a sync between them through a running server. */
export interface SyncScene extends AsyncDisposable {
  readonly source: TestDatabase;
  readonly destination: TestDatabase;
  /** Ends every wait within the scene; for those of the test, too. */
  readonly signal: AbortSignal;
  /** Runs statements in the source. */
  inSource(sql: string): Promise<unknown[][]>;
  /** Runs statements in the destination. */
  inDestination(sql: string): Promise<unknown[][]>;
  /** The destination's tables, as `schema.table`, without Millrace's own. */
  tables(): Promise<string[]>;
  /** `ends` lie over source and destination of the scene. */
  make(
    schemas: NonNullable<BulkSyncRequest['schemas']>,
    options?: Partial<BulkSyncRequest>,
    ends?: Partial<Pick<SyncToMake, 'source' | 'destination'>>,
  ): Promise<BulkSyncBody>;
  /** Sends what the client has no call for, and answers the body; anything but success throws. */
  send(method: string, path: string, body?: unknown): Promise<ReturnType<typeof JSON.parse>>;
  run(syncId: string, start?: NonNullable<StartBulkSyncRequest>): Promise<Ended>;
}

let number = 0;

/** Every wait within it ends with the signal. */
export async function createSyncScene(
  server: Pick<MillraceProcess, 'client' | 'url' | 'apiKey'>,
  signal: AbortSignal,
  sql: string,
): Promise<SyncScene> {
  const [source, destination] = await Promise.all([createTestDatabase(), createTestDatabase()]);
  const inDestination = (statements: string) => queryDatabase(destination.ownerUrl, statements);
  if (sql !== '') await queryDatabase(source.ownerUrl, sql);
  return {
    source,
    destination,
    signal,
    inSource: (statements) => queryDatabase(source.ownerUrl, statements),
    inDestination,
    async tables() {
      const rows = await inDestination(
        `SELECT n.nspname || '.' || c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE c.relkind = 'r' AND n.nspname !~ '^(pg_|information_schema|__millrace)' ORDER BY 1`,
      );
      return rows.flat().map(String);
    },
    make(schemas, options = {}, ends = {}) {
      number += 1;
      const to = ['postgresql', postgresConfiguration(destination.ownerUrl)] as const;
      return makeSync(
        server,
        { name: `scene ${number}`, source: source.ownerUrl, destination: to, schemas, options, ...ends },
        signal,
      );
    },
    send: (method, path, body) => askServer(server, method, path, body, signal),
    async run(syncId, start = {}) {
      const { id } = await server.client.startBulkSync(syncId, start, signal);
      return untilEnded(server, syncId, id, signal);
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([destination[Symbol.asyncDispose](), source[Symbol.asyncDispose]()]);
    },
  };
}
