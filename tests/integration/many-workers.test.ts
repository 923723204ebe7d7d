import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it, onTestFailed } from 'vitest';
import { createTestDatabase, queryDatabase, type TestDatabase } from '../setup/databases.ts';
import { FaultProxy, type Slowness } from '../setup/fault-proxy.ts';
import {
  createTestHome,
  type MillraceProcess,
  startMillrace,
  startWorker,
  type TestHome,
  type WorkerProcess,
  waitFor,
} from '../setup/millrace.ts';
import { findLoss, type Loss, listWriters, recordClaims, untilCarriedOn } from '../setup/segment-claims.ts';
import { makeSync, postgresConfiguration, untilEnded } from '../setup/syncs.ts';

// One process with the API and two workers on one PostgreSQL. Each worker reaches the databases through proxies of its own.

// MILLRACE_TEST_ROUNDS=20 makes it an endurance test: all of it so often, and the frozen worker stays frozen for 30 seconds.
const ROUNDS = Number(process.env.MILLRACE_TEST_ROUNDS ?? 1);
const FROZEN_MS = ROUNDS > 1 ? 30_000 : 0;
const LIMIT_MS = 150_000;
const KEYED = ['ash', 'beech', 'cedar', 'elm', 'fir', 'oak'];
const KEYLESS = ['log'];
const ROWS = 3_000;
/** Of a table as it is read. */
const HALF_BYTES = (ROWS * 540) / 2;
/** Of each session: a table takes some seconds. */
const USUAL = { bytesPerSecond: 600_000 };
/** Long enough to look at what is under way before it ends. */
const LEISURELY = { bytesPerSecond: 100_000 };
/** A table takes minutes: what is begun stays under way until it is let go. */
const CRAWL = { bytesPerSecond: 20_000 };
/** The promise to users: so soon the work of a lost worker goes on elsewhere. */
const CARRIED_ON_MS = 10_000;

/** A worker, and its ways to the three databases. */
interface Machine {
  readonly home: TestHome;
  readonly metadata: FaultProxy;
  readonly source: FaultProxy;
  readonly destination: FaultProxy;
  process: WorkerProcess;
}

let databases: { readonly metadata: TestDatabase; readonly source: TestDatabase; readonly destination: TestDatabase };
/** Where the connections of the sync lead; a worker's own proxies stand in for them. */
let doors: { readonly source: FaultProxy; readonly destination: FaultProxy };
let apiHome: TestHome;
let api: MillraceProcess;
let machines: Machine[];
let writer: Writer;
let syncId: string;
const key = randomBytes(32).toString('hex');

beforeAll(async () => {
  const [metadata, source, destination] = [
    await createTestDatabase(),
    await createTestDatabase(),
    await createTestDatabase(),
  ];
  databases = { metadata, source, destination };
  await queryDatabase(source.ownerUrl, TABLES);
  doors = { source: await FaultProxy.open(source.ownerUrl), destination: await FaultProxy.open(destination.ownerUrl) };
  apiHome = await createTestHome();
  api = await startMillrace(apiHome, {
    DATABASE_URL: metadata.url,
    MILLRACE_ENCRYPTION_KEY: key,
    MILLRACE_ROLE: 'api,scheduler',
  });
  await recordClaims(metadata.url);
  machines = [await createMachine(), await createMachine()];
  const sync = await makeSync(
    api,
    {
      name: 'many workers',
      source: doors.source.through(source.ownerUrl),
      destination: ['postgresql', postgresConfiguration(doors.destination.through(destination.ownerUrl))],
      schemas: [...KEYED, ...KEYLESS].map((name) => `public.${name}`),
      options: { concurrency_limit: 4 },
    },
    AbortSignal.timeout(LIMIT_MS),
  );
  syncId = sync.id;
  writer = startWriter(source.ownerUrl);
}, LIMIT_MS);

afterAll(async () => {
  await writer?.stop();
  for (const machine of machines ?? []) {
    await machine.process[Symbol.asyncDispose]();
    await machine.home[Symbol.asyncDispose]();
    for (const proxy of [machine.metadata, machine.source, machine.destination]) await proxy[Symbol.asyncDispose]();
  }
  await api?.[Symbol.asyncDispose]();
  await apiHome?.[Symbol.asyncDispose]();
  for (const proxy of Object.values(doors ?? {})) await proxy[Symbol.asyncDispose]();
  for (const database of Object.values(databases ?? {})) await database[Symbol.asyncDispose]();
}, LIMIT_MS);

const TABLES = [
  ...KEYED.map(
    (name) => `CREATE TABLE ${name} (id int PRIMARY KEY, amount int NOT NULL, note text);
      INSERT INTO ${name} SELECT i, 0, repeat(md5(i::text), 16) FROM generate_series(1, ${ROWS}) i;`,
  ),
  ...KEYLESS.map(
    (name) => `CREATE TABLE ${name} (at int, amount int NOT NULL, note text);
      INSERT INTO ${name} SELECT i, 0, repeat(md5(i::text), 16) FROM generate_series(1, ${ROWS}) i;`,
  ),
].join('\n');

async function createMachine(): Promise<Machine> {
  const { metadata, source, destination } = databases;
  const machine = {
    home: await createTestHome(),
    metadata: await FaultProxy.open(metadata.url),
    source: await FaultProxy.open(source.ownerUrl),
    destination: await FaultProxy.open(destination.ownerUrl),
  };
  return { ...machine, process: await startOn(machine) };
}

function startOn({ home, metadata, source, destination }: Omit<Machine, 'process'>): Promise<WorkerProcess> {
  const portOf = (proxy: FaultProxy) => new URL(proxy.through('postgresql://x')).port;
  const reroute = [
    [doors.source, source],
    [doors.destination, destination],
  ] as const;
  return startWorker(home, {
    DATABASE_URL: metadata.through(databases.metadata.url),
    MILLRACE_ENCRYPTION_KEY: key,
    MILLRACE_TEST_REROUTE: reroute.map(([from, to]) => `${portOf(from)}=${portOf(to)}`).join(','),
    NODE_OPTIONS: `--import=${new URL('../setup/reroute.ts', import.meta.url).href}`,
  });
}

/** What was done to a worker. */
interface Strike {
  /** Wakes it or heals its network while the execution goes on, and waits until it has taken note. */
  readonly wake?: () => Promise<void>;
  /** Starts another one in its place where it has ended. */
  readonly mend?: () => Promise<void>;
}

describe('one API and two workers', () => {
  const strikes: [string, (victim: Machine, signal: AbortSignal) => Promise<Strike>][] = [
    ['is killed', kill],
    ['is frozen, and thaws', freeze],
    ['is cut off from the metadata for a while', cutOffFromMetadata],
    ['is cut off from the source for a while', cutOffFrom('source')],
    ['is cut off from the destination for a while', cutOffFrom('destination')],
    ['is asked to stop', stop],
  ];
  it.each(Array.from({ length: ROUNDS }, () => strikes).flat())(
    'carry on with the work, and end a sync in order, while a worker %s',
    async (_what, strike) => {
      const signal = AbortSignal.timeout(LIMIT_MS);
      onTestFailed(showLogs);
      slowDown(USUAL);
      const { id } = await api.client.startBulkSync(syncId, {}, signal);
      const victim = await findWorking(id, signal);
      slowDown(LEISURELY);
      const expected = await readImage(id);
      const { loss, writers } = await findLossOf(victim, id, signal);
      const { wake, mend } = await strike(victim, signal);
      const other = machines.filter((machine) => machine !== victim);
      for (const { source } of other) source.slow(USUAL);
      const sequels = await untilCarriedOn(databases.metadata.url, loss, signal);
      for (const { source } of other) source.slow(CRAWL);
      if (wake !== undefined) {
        await untilWrittenElsewhere(loss, signal);
        // Whatever the lost worker had sent, or still has to send, reaches nothing.
        for (const { pid, startedAt } of writers) await untilEndedSession(pid, startedAt, signal);
        await wake();
        await untilWrittenElsewhere(loss, signal);
        const { status } = await api.client.getExecution(syncId, id, signal);
        expect(status).toBe('running');
      }
      slowDown({});
      const { execution, receipt } = await untilEnded(api, syncId, id, signal);
      await mend?.();
      expect([execution.status, receipt?.verdict]).toEqual(['completed', 'equal']);
      expect(await readLanded()).toEqual(expected);
      // The other worker held the image, too: nothing that was read had to be read again.
      expect(await countImages(id)).toBe(1);
      expect(sequels).toContainEqual({ afterMs: expect.any(Number), isElsewhere: true });
      expect(Math.max(...sequels.map(({ afterMs }) => afterMs))).toBeLessThan(CARRIED_ON_MS);
    },
    LIMIT_MS,
  );

  it('plan an execution where its systems can be reached', { timeout: LIMIT_MS }, async () => {
    const signal = AbortSignal.timeout(LIMIT_MS);
    onTestFailed(showLogs);
    const [unlucky] = machines;
    unlucky?.source.halfOpen();
    unlucky?.destination.halfOpen();
    const { id } = await api.client.startBulkSync(syncId, {}, signal);
    const { execution, receipt } = await untilEnded(api, syncId, id, signal);
    await unlucky?.source.heal();
    await unlucky?.destination.heal();
    expect([execution.status, receipt?.verdict]).toEqual(['completed', 'equal']);
  });

  it('has lost and doubled nothing in the end', { timeout: LIMIT_MS }, async () => {
    const signal = AbortSignal.timeout(LIMIT_MS);
    onTestFailed(showLogs);
    await writer.stop();
    const { id } = await api.client.startBulkSync(syncId, {}, signal);
    const { execution } = await untilEnded(api, syncId, id, signal);
    expect(execution.status).toBe('completed');
    const source = await queryDatabase(databases.source.ownerUrl, readAll('', ''));
    expect(await readLanded()).toEqual(source);
  });
});

async function kill(victim: Machine): Promise<Strike> {
  await victim.process.kill();
  return { mend: () => restart(victim) };
}

async function freeze(victim: Machine): Promise<Strike> {
  const { pid } = victim.process;
  process.kill(pid, 'SIGSTOP');
  // What it has just sent arrives late as well.
  victim.destination.stall();
  const thaw = Date.now() + FROZEN_MS;
  return {
    wake: async () => {
      await delay(Math.max(0, thaw - Date.now()));
      await victim.destination.heal();
      process.kill(pid, 'SIGCONT');
      await untilGivenUp(victim);
    },
    mend: () => restart(victim),
  };
}

async function cutOffFromMetadata(victim: Machine, signal: AbortSignal): Promise<Strike> {
  victim.metadata.halfOpen();
  // It does not know that others carry on: its steps shall not have ended by then.
  victim.source.slow(CRAWL);
  const known = victim.home.readLog().length;
  return {
    wake: async () => {
      victim.source.slow({});
      const told = /A step is (tried again|given back)/;
      await waitFor(async () => told.exec(victim.home.readLog().slice(known)), signal);
      await victim.metadata.heal();
      await untilGivenUp(victim);
    },
    mend: () => restart(victim),
  };
}

function cutOffFrom(side: 'source' | 'destination') {
  return async (victim: Machine): Promise<Strike> => {
    victim[side].halfOpen();
    return { wake: () => victim[side].heal() };
  };
}

async function stop(victim: Machine): Promise<Strike> {
  victim.process.interrupt();
  return {
    mend: async () => {
      expect(await victim.process.exited).toEqual({ code: 0, signal: null });
      await restart(victim);
    },
  };
}

/** It learns that it was declared dead, and ends. */
async function untilGivenUp(victim: Machine): Promise<void> {
  expect(await victim.process.exited).toEqual({ code: 1, signal: null });
}

async function restart(victim: Machine): Promise<void> {
  await victim.process.exited;
  victim.process = await startOn(victim);
}

function slowDown(slowness: Slowness): void {
  for (const { source } of machines) source.slow(slowness);
}

/** The worker that opened the image, when both are in the middle of reads and hold it. */
function findWorking(executionId: string, signal: AbortSignal): Promise<Machine> {
  return waitFor(async () => {
    const rows = await queryDatabase(
      databases.metadata.url,
      `SELECT w.pid FROM segments s JOIN workers w ON w.id = s.worker_id
       JOIN snapshot_holders h ON h.execution_id = s.execution_id AND h.worker_id = s.worker_id
       JOIN execution_snapshots o ON o.execution_id = s.execution_id
       WHERE s.execution_id = '${executionId}' AND s.state = 'owned' AND s.kind = 'read'
       GROUP BY w.pid, w.id, o.worker_id ORDER BY o.worker_id = w.id DESC`,
    );
    return rows.length < 2 ? null : (machines.find(({ process }) => process.pid === rows[0]?.[0]) ?? null);
  }, signal);
}

/** What it is in the middle of, and who writes it in the destination. */
function findLossOf({ process: { pid } }: Machine, executionId: string, signal: AbortSignal) {
  return waitFor(async () => {
    const loss = await findLoss(databases.metadata.url, executionId, { pid, maxBytes: HALF_BYTES });
    if (loss === null) return null;
    const writers = await listWriters(databases.destination.url, syncId, loss.segments);
    return writers.length === loss.segments.length ? { loss, writers } : null;
  }, signal);
}

/** How often the source was looked at anew. */
async function countImages(executionId: string): Promise<unknown> {
  const [row] = await queryDatabase(
    databases.metadata.url,
    `SELECT count(*)::int FROM execution_snapshots WHERE execution_id = '${executionId}'`,
  );
  return row?.[0];
}

/** Every lost segment has another writer in the destination, under a higher token. */
async function untilWrittenElsewhere({ segments }: Loss, signal: AbortSignal): Promise<void> {
  await waitFor(async () => {
    const writers = await listWriters(databases.destination.url, syncId, segments);
    const later = writers.filter(({ segment, token }) => token > segment.token);
    return later.length === segments.length ? true : null;
  }, signal);
}

async function untilEndedSession(pid: number, startedAt: string, signal: AbortSignal): Promise<void> {
  const sql = 'SELECT FROM pg_stat_activity WHERE pid = $1 AND backend_start::text = $2';
  await waitFor(async () => {
    const rows = await queryDatabase(databases.destination.url, sql, [pid, startedAt]);
    return rows.length === 0 ? true : null;
  }, signal);
}

/** A line for each table, whatever the order of its records. */
function readAll(schema: string, livingOnly: string): string {
  const reads = [...KEYED, ...KEYLESS].map((name) => {
    const [first, where] = KEYED.includes(name) ? ['id', livingOnly] : ['at', ''];
    return `SELECT '${name}' AS name, sum(amount)::int, count(*)::int, md5(string_agg(md5(r::text), '' ORDER BY md5(r::text)))
        FROM (SELECT ${first}, amount, note FROM ${schema}${name} ${where}) r`;
  });
  return `${reads.join(' UNION ALL ')} ORDER BY 1`;
}

/** The source as the execution sees it, read in its own image. */
async function readImage(executionId: string): Promise<unknown[][]> {
  const [row] = await queryDatabase(
    databases.metadata.url,
    `SELECT split_part(snapshot->>'token', ' ', 1) FROM execution_snapshots WHERE execution_id = '${executionId}'`,
  );
  return queryDatabase(
    databases.source.url,
    `BEGIN ISOLATION LEVEL REPEATABLE READ; SET TRANSACTION SNAPSHOT '${row?.[0]}'; ${readAll('', '')}`,
  );
}

function readLanded(): Promise<unknown[][]> {
  return queryDatabase(databases.destination.ownerUrl, readAll('landing.', 'WHERE __millrace_deleted_at IS NULL'));
}

function showLogs(): void {
  for (const home of [apiHome, ...machines.map((machine) => machine.home)])
    console.error(home.readLog().split('\n').slice(-60).join('\n'));
}

interface Writer {
  stop(): Promise<void>;
}

/** Moves amounts between records, and adds and removes some, so that the amounts of a table always add up to nothing. */
function startWriter(url: string): Writer {
  const end = new AbortController();
  const run = async (): Promise<void> => {
    const client = new pg.Client(url);
    await client.connect();
    for (let turn = 0; !end.signal.aborted; turn += 1) {
      const name = [...KEYED, ...KEYLESS][turn % (KEYED.length + KEYLESS.length)] ?? '';
      const id = KEYED.includes(name) ? 'id' : 'at';
      const [a, b] = [1 + ((turn * 7) % ROWS), 1 + ((turn * 13 + 5) % ROWS)];
      await client.query(
        `BEGIN; UPDATE ${name} SET amount = amount + 3 WHERE ${id} = ${a}; UPDATE ${name} SET amount = amount - 3 WHERE ${id} = ${b};
         INSERT INTO ${name} VALUES (${ROWS + 1 + turn}, 0, 'new'); DELETE FROM ${name} WHERE ${id} = ${ROWS + turn - 50} AND ${id} > ${ROWS}; COMMIT`,
      );
      await delay(5);
    }
    await client.end();
  };
  const running = run();
  return {
    async stop() {
      end.abort();
      await running;
    },
  };
}
