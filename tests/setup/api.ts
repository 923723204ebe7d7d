import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FastifyInstance, LightMyRequestResponse } from 'fastify';
import { afterAll, beforeAll } from 'vitest';
import { createServer } from '../../src/api/index.ts';
import { type ConnectorContext, type ConnectorDefinition, createLoneCredit } from '../../src/connector-kit/index.ts';
import { createAddressCheck, createGuardedClient } from '../../src/connector-kit/net/index.ts';
import { createPlanner } from '../../src/engine/index.ts';
import { bootstrap, type ExecutionQueue, type FirstKeys, type Services } from '../../src/operations/index.ts';
import { openStore } from '../../src/store/index.ts';
import { createTestDatabase } from './databases.ts';
import { lateBound } from './late-bound.ts';

/** One request as tests write it; the user key is sent unless `authorization` says otherwise (null = none). */
export interface TestRequest {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly url: string;
  readonly body?: unknown;
  readonly version?: string;
  readonly authorization?: string | null;
  /** Beside those that follow from the rest, over which they lie. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** A whole API on a database of its own, asked without a network. */
export interface TestApi extends AsyncDisposable {
  readonly app: FastifyInstance;
  readonly services: Services;
  readonly keys: FirstKeys;
  /** Ids that were enqueued for execution, in order. */
  readonly enqueued: readonly string[];
  send(request: TestRequest): Promise<LightMyRequestResponse>;
}

export interface TestApiOptions {
  readonly connectors: readonly ConnectorDefinition<unknown>[];
  readonly context?: Partial<ConnectorContext>;
  readonly defaultVersion?: string;
  readonly clock?: () => Date;
  readonly limits?: Parameters<typeof createServer>[0]['limits'];
  readonly trustedProxies?: readonly string[];
}

/** An API for all tests of the file. */
export function useTestApi(options: TestApiOptions): TestApi {
  let api: TestApi | undefined;
  beforeAll(async () => {
    api = await startTestApi(options);
  });
  afterAll(() => api?.[Symbol.asyncDispose]());
  return lateBound(() => api);
}

/** Starts an API over the given connectors, bootstrapped: one organization, one user, its keys. */
export async function startTestApi(options: TestApiOptions): Promise<TestApi> {
  const database = await createTestDatabase();
  const home = await mkdtemp(join(tmpdir(), 'millrace-api-'));
  const store = await openStore({
    url: database.ownerUrl,
    masterKey: { environment: null, file: join(home, 'master.key') },
    maxConnections: 5,
  });
  const enqueued: string[] = [];
  const executions: ExecutionQueue = {
    enqueue: async (_transaction, { id }) => {
      enqueued.push(id);
    },
  };
  const connectors = new Map(options.connectors.map((connector) => [connector.type, connector]));
  const contextOf = (organizationId: string) => ({ ...plainContext(home, organizationId), ...options.context });
  const services: Services = {
    store,
    connectors,
    executions,
    planner: createPlanner({ store, connectors, contextFor: contextOf, columnPrefix: '__millrace_' }),
    connectorContext: contextOf,
    http: createGuardedClient({ resolveHost: createAddressCheck({ denyPrivate: false }) }),
    publicUrl: () => 'http://millrace.example',
    newId: randomUUID,
    clock: options.clock ?? (() => new Date()),
  };
  const keys = await bootstrap(services, async () => {});
  if (keys === null) throw new Error('a new database had an organization');
  const app = createServer({
    services,
    defaultVersion: options.defaultVersion ?? '2025-09-18',
    productVersion: '0.0.0-test',
    ...(options.limits === undefined ? {} : { limits: options.limits }),
    ...(options.trustedProxies === undefined ? {} : { trustedProxies: options.trustedProxies }),
  });
  await app.ready();
  return {
    app,
    services,
    keys,
    enqueued,
    send: (request) => send(app, keys, request),
    [Symbol.asyncDispose]: async () => {
      await app.close();
      await store.close();
      await database[Symbol.asyncDispose]();
      await rm(home, { recursive: true });
    },
  };
}

function plainContext(home: string, organizationId: string): ConnectorContext {
  return {
    organizationId,
    filesRoot: join(home, 'files'),
    resolveHost: async (host) => host,
    forbiddenDatabase: null,
    columnPrefix: '__millrace_',
    applicationName: 'millrace test',
    failpoint: () => {},
    credit: createLoneCredit(64 * 1024 * 1024),
  };
}

function send(app: FastifyInstance, keys: FirstKeys, request: TestRequest): Promise<LightMyRequestResponse> {
  const authorization = request.authorization === undefined ? `Bearer ${keys.userKey}` : request.authorization;
  return app.inject({
    method: request.method ?? 'GET',
    url: request.url,
    headers: {
      ...(authorization === null ? {} : { authorization }),
      ...(request.version === undefined ? {} : { 'x-polytomic-version': request.version }),
      ...(request.body === undefined ? {} : { 'content-type': 'application/json' }),
      ...request.headers,
    },
    ...(request.body === undefined
      ? {}
      : { payload: typeof request.body === 'string' ? request.body : JSON.stringify(request.body) }),
  });
}
