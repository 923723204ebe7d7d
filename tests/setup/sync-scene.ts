import pg from 'pg';
import type { BulkSyncBody, BulkSyncRequest, StartBulkSyncRequest } from '../../src/contract/index.ts';
import { createTestDatabase, type TestDatabase } from './databases.ts';
import type { MillraceProcess } from './millrace.ts';
import { type Ended, makeSync, postgresConfiguration, untilEnded } from './syncs.ts';

/** A source and a destination of their own, and a sync between them through a running server. */
export interface SyncScene extends AsyncDisposable {
  readonly source: TestDatabase;
  readonly destination: TestDatabase;
  /** Runs statements in the source. */
  inSource(sql: string): Promise<unknown[][]>;
  /** Runs statements in the destination. */
  inDestination(sql: string): Promise<unknown[][]>;
  /** The destination's tables, as `schema.table`, without Millrace's own. */
  tables(): Promise<string[]>;
  make(schemas: NonNullable<BulkSyncRequest['schemas']>, options?: Partial<BulkSyncRequest>): Promise<BulkSyncBody>;
  /** Sends what the test client has no call for; anything but success throws. */
  send(method: string, path: string, body: unknown): Promise<void>;
  run(syncId: string, start?: NonNullable<StartBulkSyncRequest>): Promise<Ended>;
}

let number = 0;

/** Every wait within it ends with the signal. */
export async function createSyncScene(
  server: Pick<MillraceProcess, 'client' | 'url' | 'apiKey'>,
  signal: AbortSignal,
  sql: string,
): Promise<SyncScene> {
  const source = await createTestDatabase();
  const destination = await createTestDatabase();
  const inDestination = (statements: string) => query(destination.ownerUrl, statements);
  await query(source.ownerUrl, sql);
  return {
    source,
    destination,
    inSource: (statements) => query(source.ownerUrl, statements),
    inDestination,
    async tables() {
      const rows = await inDestination(
        `SELECT n.nspname || '.' || c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE c.relkind = 'r' AND n.nspname !~ '^(pg_|information_schema|__millrace)' ORDER BY 1`,
      );
      return rows.flat().map(String);
    },
    make(schemas, options = {}) {
      number += 1;
      const to = ['postgresql', postgresConfiguration(destination.ownerUrl)] as const;
      return makeSync(
        server,
        { name: `scene ${number}`, source: source.ownerUrl, destination: to, schemas, options },
        signal,
      );
    },
    async send(method, path, body) {
      const answer = await fetch(`${server.url}${path}`, {
        method,
        headers: { authorization: `Bearer ${server.apiKey}`, 'content-type': 'application/json' },
        body: JSON.stringify(body),
        signal,
      });
      if (!answer.ok) throw new Error(`${method} ${path}: ${await answer.text()}`);
    },
    async run(syncId, start = {}) {
      const { id } = await server.client.startBulkSync(syncId, start, signal);
      return untilEnded(server, syncId, id, signal);
    },
    async [Symbol.asyncDispose]() {
      await destination[Symbol.asyncDispose]();
      await source[Symbol.asyncDispose]();
    },
  };
}

async function query(url: string, sql: string): Promise<unknown[][]> {
  const client = new pg.Client(url);
  await client.connect();
  try {
    const results: unknown = await client.query({ text: sql, rowMode: 'array' });
    // Several statements are answered by a list of results, of which the last one counts.
    const last: unknown = Array.isArray(results) ? results.at(-1) : results;
    return (last as pg.QueryArrayResult<unknown[]>).rows;
  } finally {
    await client.end();
  }
}
