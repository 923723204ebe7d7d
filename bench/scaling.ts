import { randomBytes } from 'node:crypto';
import pg from 'pg';
import type { BulkSyncBody, Client } from '../src/contract/index.ts';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../src/runtime/index.ts';
import { createTestHome, type MillraceProcess, startMillrace, startWorker, waitFor } from '../tests/setup/millrace.ts';
import { type BenchDatabase, connect, DESTINATION, SOURCE } from './database.ts';
import type { BenchOptions } from './options.ts';
import { readCpu } from './process-stats.ts';
import { connectPostgresql } from './product.ts';
import { median, type ScalingFigure, type ScalingRun } from './results.ts';
import { say } from './say.ts';
import { tableName } from './table.ts';

const WORKERS = [1, 2];
const METADATA = 'bench_metadata';
const RUN_LIMIT_MS = 30 * 60_000;
const ASK_EVERY_MS = 500;
const FINISHED = new Set(['canceled', 'completed', 'failed', 'errors', 'interrupted']);

/** A process with API and scheduler, its PostgreSQL, and what workers need to join. */
interface Headquarters {
  readonly api: MillraceProcess;
  /** A session in the metadata database. */
  readonly metadata: pg.Client;
  readonly environment: Readonly<Record<string, string>>;
  readonly sync: BulkSyncBody;
}

/** The whole table by one worker and by two, each a process of its own beside the one with the API. */
export async function measureScaling(
  database: BenchDatabase,
  home: string,
  { rows, pairs }: BenchOptions,
): Promise<ScalingFigure[]> {
  await using stack = new AsyncDisposableStack();
  const headquarters = await openHeadquarters(stack, { database, home, rows });
  const found: ScalingFigure[] = [];
  for (const workers of WORKERS) {
    const runs = await measureTeam(headquarters, { database, workers, pairs });
    found.push({ workers, rows, runs });
    say(`  ${workers} workers: ${median(runs.map(({ wallSeconds }) => wallSeconds)).toFixed(2)} s at the median`);
  }
  return found;
}

async function openHeadquarters(
  stack: AsyncDisposableStack,
  { database, home, rows }: { readonly database: BenchDatabase; readonly home: string; readonly rows: number },
): Promise<Headquarters> {
  const log = { info: () => {}, warn: () => {}, error: (_: unknown, text?: string) => console.error(text) };
  // Of its own, as with every other part: what the metadata write must not wait for the tables that are copied.
  const server = await startEmbeddedPostgres({ home, name: 'shared-metadata', settings: {}, log });
  stack.defer(() => server.stop());
  const databaseUrl = await makeMetadata(server);
  const environment = { DATABASE_URL: databaseUrl, MILLRACE_ENCRYPTION_KEY: randomBytes(32).toString('hex') };
  const metadata = new pg.Client(databaseUrl);
  await metadata.connect();
  stack.defer(() => metadata.end());
  const apiHome = stack.use(await createTestHome());
  const api = stack.use(await startMillrace(apiHome, { ...environment, MILLRACE_ROLE: 'api,scheduler' }));
  return { api, metadata, environment, sync: await makeSync(api.client, database, rows) };
}

/** Empty, and of a user who is no superuser. @returns its URL */
async function makeMetadata(server: EmbeddedPostgres): Promise<string> {
  const password = randomBytes(16).toString('hex');
  const client = await connect(server, 'postgres');
  try {
    await client.query(`DROP DATABASE IF EXISTS ${METADATA} WITH (FORCE)`);
    await client.query(`DROP ROLE IF EXISTS ${METADATA}`);
    await client.query(`CREATE ROLE ${METADATA} LOGIN PASSWORD '${password}'`);
    await client.query(`CREATE DATABASE ${METADATA} OWNER ${METADATA}`);
  } finally {
    await client.end();
  }
  const url = new URL(server.superuserUrl);
  [url.username, url.password, url.pathname] = [METADATA, password, `/${METADATA}`];
  return url.href;
}

/** The one of the part `pg` at depth `counts`, with lanes for two workers. */
async function makeSync(client: Client, { server }: BenchDatabase, rows: number): Promise<BulkSyncBody> {
  const source = await connectPostgresql(client, server, { name: 'source', database: SOURCE });
  const destination = await connectPostgresql(client, server, { name: 'destination', database: DESTINATION });
  const sync = await client.createBulkSync({
    name: `bench scaling ${rows}`,
    mode: 'snapshot',
    source_connection_id: source,
    destination_connection_id: destination,
    destination_configuration: { schema: 'bench_scaling' },
    default_schedule: { frequency: 'manual' },
    disable_record_timestamps: true,
    schemas: [`public.${tableName(rows)}`],
  });
  await client.setSyncSettings(sync.id, { receipt_depth: 'counts', max_loss_percent: 100 });
  return sync;
}

async function measureTeam(
  headquarters: Headquarters,
  { database, workers, pairs }: { readonly database: BenchDatabase; readonly workers: number; readonly pairs: number },
): Promise<ScalingRun[]> {
  await using stack = new AsyncDisposableStack();
  const pids: number[] = [];
  for (let number = 1; number <= workers; number += 1) {
    const home = stack.use(await createTestHome());
    const worker = await startWorker(home, headquarters.environment);
    // One that was killed would be taken for a living one by the next execution's plan.
    stack.defer(async () => {
      worker.interrupt();
      await worker.exited;
    });
    pids.push(worker.pid);
  }
  say(`${workers} workers: one run to warm up`);
  await measureRun(headquarters, pids);
  const runs: ScalingRun[] = [];
  for (let round = 1; round <= pairs; round += 1) {
    await database.settle();
    runs.push(await measureRun(headquarters, pids));
  }
  return runs;
}

/** @throws `Error` when a worker had nothing to do although there was enough for all */
async function measureRun(headquarters: Headquarters, workerPids: readonly number[]): Promise<ScalingRun> {
  const { api, metadata, sync } = headquarters;
  const pids = [api.pid, ...workerPids];
  const readAll = () => pids.reduce((sum, pid) => sum + readCpu(pid).own, 0);
  const before = readAll();
  const startedAt = Date.now();
  const { id } = await api.client.startBulkSync(sync.id, {});
  const signal = AbortSignal.timeout(RUN_LIMIT_MS);
  const execution = await waitFor(
    async () => {
      const found = await api.client.getExecution(sync.id, id, signal);
      return FINISHED.has(found.status) ? found : null;
    },
    signal,
    ASK_EVERY_MS,
  );
  const cpuSeconds = readAll() - before;
  if (execution.status !== 'completed' || execution.completed_at === null)
    throw new Error(`"${sync.name}" ended ${execution.status}: ${execution.status_message ?? ''}`);
  const wallSeconds = (Date.parse(execution.completed_at) - startedAt) / 1000;
  return { wallSeconds, cpuSeconds, ...(await readLanes(metadata, id, workerPids)) };
}

/** Which lanes of each worker did a step, as the metadata have it. */
async function readLanes(
  metadata: pg.Client,
  executionId: string,
  pids: readonly number[],
): Promise<Pick<ScalingRun, 'lanes' | 'reads'>> {
  const { rows } = await metadata.query<{ pid: number; lanes: number; reads: number }>(
    `SELECT w.pid, count(DISTINCT s.lane_id)::int AS lanes, (count(*) FILTER (WHERE s.kind = 'read'))::int AS reads
     FROM segments s JOIN workers w ON w.id = s.worker_id
     WHERE s.execution_id = $1 AND w.dead_at IS NULL GROUP BY w.pid`,
    [executionId],
  );
  const of = (pid: number) => rows.find((row) => row.pid === pid) ?? { lanes: 0, reads: 0 };
  const [lanes, reads] = [pids.map((pid) => of(pid).lanes), pids.map((pid) => of(pid).reads)];
  const total = reads.reduce((sum, one) => sum + one, 0);
  if (lanes.includes(0) && total >= 2 * pids.length)
    throw new Error(`Of ${total} reads each worker should have had some, but they had ${reads.join(' and ')}.`);
  return { lanes, reads };
}
