import { afterAll, beforeAll, vi } from 'vitest';
import { CONNECTORS } from '../../src/connectors/index.ts';
import { refreshSchemas } from '../../src/operations/index.ts';
import { readSchemaCacheState } from '../../src/store/index.ts';
import { startTestApi, type TestApi, type TestApiOptions } from './api.ts';
import { createTestDatabase, queryDatabase, type TestDatabase } from './databases.ts';
import { lateBound } from './late-bound.ts';
import { postgresConfiguration } from './syncs.ts';

/** An API with a filled source and an empty destination, both on the tests' PostgreSQL. */
export interface BulkFixture extends AsyncDisposable {
  readonly api: TestApi;
  readonly source: TestDatabase;
  readonly destination: TestDatabase;
  readonly sourceId: string;
  readonly destinationId: string;
  /** A complete create request; `changes` lie over it, undefined takes a field away. */
  syncBody(changes?: Readonly<Record<string, unknown>>): Record<string, unknown>;
  /** Creates a sync over the API and answers its id. Each goes to a destination schema of its own unless told otherwise. */
  createSync(changes?: Readonly<Record<string, unknown>>): Promise<string>;
  /** Makes a connection to a test database over the API, without reading its schemas. */
  connect(name: string, database: TestDatabase): Promise<string>;
  /** Sends a request in a version of the API, absent = the newest, and answers status and parsed body. */
  send(method: Method, url: string, body?: unknown, version?: string): Promise<Answer>;
  /** Does the refresh that was asked for, as by creating a connection. */
  refresh(connectionId: string): Promise<void>;
}

type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/** What a request was answered. */
export interface Answer {
  readonly status: number;
  // Answers are looked at in every depth; their shapes are proved in tests/compatibility.
  readonly body: ReturnType<typeof JSON.parse>;
}

/** An id of nothing. */
export const UNKNOWN_ID = '00000000-0000-4000-8000-000000000000';

/** A key, a foreign key, an enum, a generated column, a view, names that need rules, and a table without a key. */
const SOURCE_SQL = `
  CREATE TYPE plan AS ENUM ('free', 'team', 'enterprise');
  CREATE TABLE customers (
    id bigint PRIMARY KEY, email varchar(255) NOT NULL, plan plan, updated_at timestamptz NOT NULL DEFAULT now(),
    domain text GENERATED ALWAYS AS (split_part(email, '@', 2)) STORED);
  CREATE TABLE orders (
    id bigint PRIMARY KEY, customer_id bigint REFERENCES customers, total numeric(12,2), placed_at timestamptz);
  CREATE TABLE "OrderItems" ("OrderID" bigint, "Line No" integer, "login_id" text, "LoginID" text, PRIMARY KEY ("OrderID", "Line No"));
  CREATE TABLE notes (body text);
  CREATE SCHEMA archive;
  CREATE TABLE archive.orders (id bigint PRIMARY KEY);
  CREATE VIEW big_orders AS SELECT id, total FROM orders WHERE total > 100;
  INSERT INTO customers (id, email, plan) SELECT n, 'c' || n || '@example.org', 'team' FROM generate_series(1, 20) n;
  INSERT INTO orders SELECT n, n % 20 + 1, n * 1.5, now() FROM generate_series(1, 100) n;
  INSERT INTO notes SELECT 'note ' || n FROM generate_series(1, 5) n;`;

/** Ids of the fixture's schemas, in the order of the API. */
export const SOURCE_SCHEMAS = [
  'archive.orders',
  'public.OrderItems',
  'public.big_orders',
  'public.customers',
  'public.notes',
  'public.orders',
] as const;

/** One for all tests of the file. */
export function useBulkFixture(options: Pick<TestApiOptions, 'clock'> = {}): BulkFixture {
  let fixture: BulkFixture | undefined;
  beforeAll(async () => {
    fixture = await startBulkFixture(options);
  });
  afterAll(() => fixture?.[Symbol.asyncDispose]());
  return lateBound(() => fixture);
}

async function startBulkFixture(options: Pick<TestApiOptions, 'clock'> = {}): Promise<BulkFixture> {
  const source = await createTestDatabase();
  const destination = await createTestDatabase();
  await queryDatabase(source.url, SOURCE_SQL);
  const api = await startTestApi({ ...options, connectors: [...CONNECTORS.values()] });
  const connect = (name: string, database: TestDatabase): Promise<string> => createConnection(api, name, database);
  const refresh = async (connectionId: string): Promise<void> => {
    const { organizationId } = api.keys;
    const pending = { organizationId, connectionId };
    const isDone = async (): Promise<boolean> =>
      (await refreshSchemas(api.services, pending, AbortSignal.timeout(30_000))) ||
      (await readSchemaCacheState(api.services.store.db, organizationId, connectionId)).status !== 'refreshing';
    // The session of an earlier refresh has its lock until it has ended, a moment after that refresh.
    await vi.waitUntil(isDone, { timeout: 60_000 });
  };
  const sourceId = await connect('shop', source);
  const destinationId = await connect('warehouse', destination);
  await refresh(sourceId);
  const syncBody = (changes: Readonly<Record<string, unknown>> = {}): Record<string, unknown> => ({
    name: 'Shop to warehouse',
    mode: 'replicate',
    source_connection_id: sourceId,
    destination_connection_id: destinationId,
    destination_configuration: { schema: `schema_${api.services.newId()}` },
    default_schedule: { frequency: 'manual' },
    ...changes,
  });
  return {
    api,
    source,
    destination,
    sourceId,
    destinationId,
    syncBody,
    createSync: (changes) => createSync(api, syncBody(changes)),
    connect,
    refresh,
    send: (method, url, body, version) =>
      send(api, { method, url, body, ...(version === undefined ? {} : { version }) }),
    [Symbol.asyncDispose]: async () => {
      await api[Symbol.asyncDispose]();
      await source[Symbol.asyncDispose]();
      await destination[Symbol.asyncDispose]();
    },
  };
}

async function createConnection(api: TestApi, name: string, database: TestDatabase): Promise<string> {
  const configuration = postgresConfiguration(database.url);
  const answer = await api.send({
    method: 'POST',
    url: '/api/connections',
    body: { name, type: 'postgresql', configuration },
  });
  if (answer.statusCode !== 200) throw new Error(`The connection ${name} was refused: ${answer.body}`);
  return answer.json().data.id;
}

async function createSync(api: TestApi, body: Record<string, unknown>): Promise<string> {
  const answer = await api.send({ method: 'POST', url: '/api/bulk/syncs', body });
  if (answer.statusCode !== 200) throw new Error(`The sync was refused: ${answer.body}`);
  return answer.json().data.id;
}

async function send(api: TestApi, request: Parameters<TestApi['send']>[0]): Promise<Answer> {
  const { statusCode: status, body } = await api.send(request);
  return { status, body: body === '' ? null : JSON.parse(body) };
}
