import { randomUUID } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { createHealthServer, createServer, type Watching } from './api/index.ts';
import {
  type ConnectorContext,
  type ConnectorDefinition,
  type ConnectorSettings,
  CreditPool,
  createContext,
  MemoryCredit,
} from './connector-kit/index.ts';
import { createAddressCheck, createGuardedClient, type GuardedClient } from './connector-kit/net/index.ts';
import { CONNECTORS } from './connectors/index.ts';
import {
  createFailpoints,
  createPlanner,
  type Engine,
  type Planner,
  routeToOwner,
  startEngine,
  ThreadPool,
} from './engine/index.ts';
import { bootstrap, type FirstKeys, type Services } from './operations/index.ts';
import {
  type Config,
  type ConfigOverrides,
  createLogger,
  createMailer,
  createMetrics,
  createShutdown,
  describeFailure,
  type Logger,
  localUrl,
  lockHome,
  prepareHome,
  readCliFile,
  readConfig,
  readFilesMark,
  type Shutdown,
  startEmbeddedPostgres,
  toDatabaseAddress,
  toDatabaseError,
  toListenError,
  workerUrl,
  writeCliFile,
  writeFilesMark,
} from './runtime/index.ts';
import {
  startHealthChecker,
  startJobRunner,
  startOutbox,
  startRetention,
  startScheduleRunner,
  startSchemaRefresher,
} from './scheduler/index.ts';
import { claimFilesMark, findFilesMark, openStore, type Store } from './store/index.ts';
import { watchProcess } from './watching.ts';

/** What `worker.ts` is started with. */
export interface WorkerData {
  readonly connectorSettings: ConnectorSettings;
  readonly failpoints: string;
}

/** Runs this process's roles until it is asked to stop. Never resolves: the shutdown ends the process. */
export async function serve(overrides: ConfigOverrides, version: string): Promise<number> {
  const config = readConfig(undefined, overrides);
  const log = createLogger({ level: config.logLevel });
  prepareHome(config.home);
  const lock = lockHome(config.home);
  const shutdown = createShutdown({ log });
  shutdown.onStop('the lock of the home folder', () => lock.release());
  try {
    await start(config, log, shutdown, version);
  } catch (error) {
    // Stopped by Ctrl-C while starting: the steps that fail then are no news.
    if (!shutdown.signal.aborted) process.stderr.write(`${describeFailure(error)}\n`);
    await shutdown.stop(1);
  }
  return new Promise(() => {});
}

async function start(config: Config, log: Logger, shutdown: Shutdown, version: string): Promise<void> {
  const databaseUrl = await openDatabase(config, log, shutdown);
  const store = await openMetadata(config, databaseUrl, log, () => shutdown.signal.aborted);
  shutdown.onStop('the metadata store', () => store.close());
  // The keys are written into the home of a process that has the API: there somebody looks for them.
  const keys = config.roles.has('api')
    ? await bootstrap({ store, newId: randomUUID }, async (made) => keepKeys(config, made))
    : null;
  const settings: ConnectorSettings = {
    filesRoot: config.filesRoot,
    denyPrivate: config.denyPrivate,
    forbiddenDatabase: toDatabaseAddress(databaseUrl),
    columnPrefix: config.columnPrefix,
  };
  const credit = new CreditPool(config.memoryCreditBytes);
  const threads = new ThreadPool({
    credit,
    entry: workerUrl(),
    workerData: { connectorSettings: settings, failpoints: config.failpoints } satisfies WorkerData,
    // A thread relays faster than two databases write, so one core is left to them.
    size: Math.max(1, availableParallelism() - 1),
  });
  const wiring = wireConnectors(settings, threads, credit, config.failpoints);
  const metrics = createMetrics({ version, connectionTypes: [...CONNECTORS.keys()], perSync: config.metricsPerSync });
  const engine = await startEngine({
    store,
    databaseUrl,
    workerId: randomUUID(),
    build: version,
    ...wiring,
    threads,
    columnPrefix: config.columnPrefix,
    log,
    meter: metrics.meter,
    random: Math.random,
    isSoleProcess: config.databaseUrl === undefined,
    lanes: config.roles.has('worker') ? config.lanes : 0,
    roles: [...config.roles],
    seesFiles: await seesFiles(config, store, log),
    onFenced: () => {
      log.error(
        'This process was silent for too long and was declared dead; it ends so that its work can go on elsewhere.',
      );
      process.exit(1);
    },
  });
  shutdown.onStop('the workers', () => engine.stop());
  const planner = createPlanner({ store, ...wiring, columnPrefix: config.columnPrefix });
  const address = { url: config.url ?? localUrl(config.host, config.port) };
  const services = { ...toServices(store, engine, planner, wiring), publicUrl: () => address.url };
  if (config.roles.has('scheduler')) startScheduler(config, services, engine, log, shutdown);
  const url = await listen(config, log, shutdown, {
    services,
    productVersion: version,
    watching: watchProcess({ config, store, engine, threads, credit, metrics, stopping: shutdown.signal }),
  });
  // Where nobody has said otherwise, and the system has chosen the port.
  if (config.url === undefined) address.url = url;
  announce(config, url, keys);
}

function startScheduler(config: Config, services: Services, engine: Engine, log: Logger, shutdown: Shutdown): void {
  const refresher = startSchemaRefresher(services, { log });
  shutdown.onStop('the reading of schemas', () => refresher.stop());
  const schedules = startScheduleRunner(services, { log });
  shutdown.onStop('the schedules', () => schedules.stop());
  const health = startHealthChecker(services, { log });
  shutdown.onStop('the checks of connections', () => health.stop());
  const jobs = startJobRunner(services, { log });
  shutdown.onStop('the jobs', () => jobs.stop());
  // Named by who runs the server, so it may well be in a private network.
  const resolveHost = createAddressCheck({ denyPrivate: false });
  const outbox = startOutbox(services, {
    log,
    ...(config.mail === undefined ? {} : { sendMail: createMailer({ ...config.mail, resolveHost }) }),
  });
  shutdown.onStop('what is sent to webhooks and by e-mail', () => outbox.stop());
  const history = startRetention(services.store, {
    retention: config.retention,
    removeEndedWorkflows: (until) => engine.removeEndedWorkflows(until),
    log,
  });
  shutdown.onStop('the removal of old executions', () => history.stop());
}

/**
 * Files lie on one machine, or in a folder that several share. A mark in it tells which: the first worker writes it, and
 * only processes that find it take executions that touch files.
 */
async function seesFiles(config: Config, store: Store, log: Logger): Promise<boolean> {
  if (config.databaseUrl === undefined) return true;
  const { filesRoot } = config;
  const known = await findFilesMark(store.db);
  const installed =
    known === null && config.roles.has('worker')
      ? await claimFilesMark(store.db, () => readFilesMark(filesRoot) ?? writeFilesMark(filesRoot, randomUUID()))
      : known;
  // Read only now: another worker may have written it a moment ago.
  const sees = installed === null || readFilesMark(filesRoot) === installed;
  if (!sees)
    log.info(
      { filesRoot },
      'The folder for files is not the one of this installation: syncs with files run in other processes.',
    );
  return sees;
}

async function openDatabase(config: Config, log: Logger, shutdown: Shutdown): Promise<string> {
  if (config.databaseUrl !== undefined) return config.databaseUrl;
  const embedded = await startEmbeddedPostgres({ home: config.home, log });
  shutdown.onStop('the embedded database', () => embedded.stop());
  return embedded.url;
}

async function openMetadata(
  config: Config,
  databaseUrl: string,
  log: Logger,
  isStopping: () => boolean,
): Promise<Store> {
  const environment = config.encryptionKey === undefined ? null : Buffer.from(config.encryptionKey).toString('hex');
  try {
    return await openStore({
      url: databaseUrl,
      masterKey: { environment, file: join(config.home, 'master.key') },
      // Of the error its message only: pg hangs the whole session on it, with the key that cancels its queries.
      onIdleError: ({ message }) => {
        if (!isStopping())
          log.warn({ reason: message }, 'A connection to the metadata database broke; it is replaced.');
      },
    });
  } catch (error) {
    throw toDatabaseError(error, databaseUrl);
  }
}

interface Wiring {
  readonly connectors: ReadonlyMap<string, ConnectorDefinition<unknown>>;
  readonly contextFor: (organizationId: string, applicationName: string) => ConnectorContext;
  readonly failpoint: (name: string) => void;
  readonly http: GuardedClient;
}

function wireConnectors(
  settings: ConnectorSettings,
  threads: ThreadPool,
  credit: CreditPool,
  failpoints: string,
): Wiring {
  const tools = {
    resolveHost: createAddressCheck({ denyPrivate: settings.denyPrivate }),
    failpoint: createFailpoints(failpoints),
    credit: new MemoryCredit(credit.openAccount()),
  };
  return {
    connectors: new Map([...CONNECTORS].map(([type, definition]) => [type, routeToOwner(definition, threads)])),
    contextFor: (organizationId, applicationName) => createContext(settings, tools, organizationId, applicationName),
    failpoint: tools.failpoint,
    http: createGuardedClient({ resolveHost: tools.resolveHost }),
  };
}

function toServices(store: Store, engine: Engine, planner: Planner, wiring: Wiring): Omit<Services, 'publicUrl'> {
  return {
    store,
    connectors: wiring.connectors,
    executions: engine,
    planner,
    connectorContext: (organizationId) => wiring.contextFor(organizationId, 'millrace'),
    http: wiring.http,
    newId: randomUUID,
    clock: () => new Date(),
  };
}

async function listen(
  config: Config,
  log: Logger,
  shutdown: Shutdown,
  served: { readonly services: Services; readonly productVersion: string; readonly watching: Watching },
): Promise<string> {
  const options = { ...served, logger: log };
  const app = config.roles.has('api')
    ? createServer({
        ...options,
        defaultVersion: config.apiVersion,
        limits: { requestsPerMinute: config.rateLimit, corsOrigins: config.corsOrigins },
        trustedProxies: config.trustedProxies,
      })
    : createHealthServer(options);
  try {
    await app.listen({ host: config.host, port: config.port });
  } catch (error) {
    throw toListenError(error, config.host, config.port);
  }
  shutdown.onStop('the HTTP server', () => app.close());
  const address = app.server.address();
  return localUrl(config.host, address !== null && typeof address === 'object' ? address.port : config.port);
}

// Written before the keys are committed: a crash between the two leaves a file that the next start overwrites.
function keepKeys(config: Config, keys: FirstKeys): void {
  writeCliFile(config.home, { ...keys, url: localUrl(config.host, config.port) });
}

function announce(config: Config, url: string, keys: FirstKeys | null): void {
  if (!config.roles.has('api')) {
    process.stdout.write(
      `Millrace answers at ${url} (health and metrics only; roles: ${[...config.roles].join(', ')}).\n`,
    );
    return;
  }
  const known = readCliFile(config.home);
  if (known !== undefined && known.url !== url) writeCliFile(config.home, { ...known, url });
  process.stdout.write(`Millrace answers at ${url} (API reference: ${url}/reference).\n`);
  if (keys === null) return;
  const file = join(config.home, 'cli.json');
  // What is no terminal is likely kept, as the log of a service is.
  if (!process.stdout.isTTY) {
    process.stdout.write(`First start. The API keys are in ${file}.\n`);
    return;
  }
  process.stdout.write(
    `First start. These keys are shown once and kept in ${file}:\n` +
      `  user API key    ${keys.userKey}\n  deployment key  ${keys.deploymentKey}\n  organization    ${keys.organizationId}\n`,
  );
}
