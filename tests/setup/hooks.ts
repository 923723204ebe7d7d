import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest';
import { readCliFile } from '../../src/runtime/index.ts';
import { createTestDatabase, type TestDatabase } from './databases.ts';
import { lateBound } from './late-bound.ts';
import { createTestHome, type MillraceProcess, startMillrace, type TestHome } from './millrace.ts';
import { createSyncScene, type SyncScene } from './sync-scene.ts';

// What most integration tests stand on, made and taken away by hooks. What a `use…` answers may be named at once and
// looked into only from hooks and tests. Hooks run in the order of the calls, and backwards at the end.

/** For one test with a whole server, and for each of its hooks. */
export const LIMIT_MS = 180_000;

/** A server of one test file, on a home of its own with its metadata in the tests' PostgreSQL. */
export interface UsedServer extends MillraceProcess {
  readonly home: TestHome;
  readonly metadata: TestDatabase;
  /** Where paths of file connections begin; it exists. */
  readonly filesFolder: string;
  /** Starts it again on the same home, after it has ended. */
  restart(): Promise<void>;
}

/** An empty database for all tests of the file. */
export function useDatabase(): TestDatabase {
  let database: TestDatabase | undefined;
  beforeAll(async () => {
    database = await createTestDatabase();
  });
  afterAll(() => database?.[Symbol.asyncDispose]());
  return lateBound(() => database);
}

/** A server for all tests of the file; `environment` is asked when it starts. */
export function useServer(environment: () => Readonly<Record<string, string>> = () => ({})): UsedServer {
  const metadata = useDatabase();
  let home: TestHome | undefined;
  let server: UsedServer | undefined;
  const start = async (on: TestHome): Promise<void> => {
    const running = await startMillrace(on, { DATABASE_URL: metadata.url, ...environment() });
    const filesFolder = join(on.folder, 'files', readCliFile(on.folder)?.organizationId ?? '');
    mkdirSync(filesFolder, { recursive: true, mode: 0o700 });
    server = { ...running, home: on, metadata, filesFolder, restart: () => start(on) };
  };
  beforeAll(async () => {
    home = await createTestHome();
    await start(home);
  }, LIMIT_MS);
  afterAll(async () => {
    await server?.[Symbol.asyncDispose]();
    await home?.[Symbol.asyncDispose]();
  }, LIMIT_MS);
  return lateBound(() => server);
}

/** A server that can be made to fail at named points; behind each test it runs without. */
export function useFailingServer() {
  let failpoints = '';
  const server = useServer(() => ({ MILLRACE_FAILPOINTS: failpoints }));
  const restart = async (withFailpoints: string): Promise<void> => {
    await server.kill();
    failpoints = withFailpoints;
    await server.restart();
  };
  afterEach(async () => {
    if (failpoints !== '') await restart('');
  }, LIMIT_MS);
  return {
    server,
    /** Starts it again, to fail there. */
    failAt: restart,
    /** Waits until it has died there, and starts it again without. */
    async recover(): Promise<void> {
      const { signal } = await server.exited;
      if (signal !== 'SIGKILL') throw new Error(`The server ended by ${signal}, not at a failpoint.`);
      failpoints = '';
      await server.restart();
    },
  };
}

/** A source filled by `sql` and an empty destination, new for each test. */
export function useSyncScene(server: UsedServer, sql: string): SyncScene {
  let scene: SyncScene | undefined;
  beforeEach(async () => {
    scene = await createSyncScene(server, AbortSignal.timeout(LIMIT_MS), sql);
  }, LIMIT_MS);
  afterEach(() => scene?.[Symbol.asyncDispose]());
  return lateBound(() => scene);
}
