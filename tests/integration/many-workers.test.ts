import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it, onTestFailed } from 'vitest';
import { createTestDatabase, queryDatabase, type TestDatabase } from '../setup/databases.ts';
import { FaultProxy } from '../setup/fault-proxy.ts';
import {
  createTestHome,
  type MillraceProcess,
  startMillrace,
  startWorker,
  type TestHome,
  type WorkerProcess,
  waitFor,
} from '../setup/millrace.ts';
import { makeSync, postgresConfiguration, untilEnded } from '../setup/syncs.ts';

// One process with the API and two workers on one PostgreSQL. Each worker reaches the databases through proxies of its own.

// MILLRACE_TEST_ROUNDS=20 makes it an endurance test: all of it so often, and the frozen worker stays frozen for 30 seconds.
const ROUNDS = Number(process.env.MILLRACE_TEST_ROUNDS ?? 1);
const FROZEN_MS = ROUNDS > 1 ? 30_000 : 0;
const LIMIT_MS = 150_000;
const KEYED = ['ash', 'beech', 'cedar', 'elm', 'fir', 'oak'];
const KEYLESS = ['log'];
const ROWS = 3_000;
/** Of each session: a table takes some seconds. */
const BYTES_PER_SECOND = 600_000;

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

describe('one API and two workers', () => {
  const strikes: [string, (victim: Machine) => Promise<() => Promise<void>>][] = [
    ['is killed', kill],
    ['is frozen', freeze],
    ['is cut off from the metadata', cutOff('metadata')],
    ['is cut off from the source', cutOff('source')],
    ['is cut off from the destination', cutOff('destination')],
    ['is asked to stop', stop],
  ];
  it.each(Array.from({ length: ROUNDS }, () => strikes).flat())(
    'end a sync in order while a worker %s',
    async (_what, strike) => {
      const signal = AbortSignal.timeout(LIMIT_MS);
      onTestFailed(showLogs);
      for (const machine of machines) machine.source.slow({ bytesPerSecond: BYTES_PER_SECOND });
      const { id } = await api.client.startBulkSync(syncId, {}, signal);
      const victim = await findWorking(id, signal);
      const struck = performance.now();
      const mend = await strike(victim);
      await untilTakenOver(victim, id, signal);
      const tookMs = performance.now() - struck;
      for (const machine of machines) machine.source.slow({});
      const { execution, receipt } = await untilEnded(api, syncId, id, signal);
      console.info(`its work was taken up after ${Math.round(tookMs)} ms`);
      await mend();
      expect([execution.status, receipt?.verdict]).toEqual(['completed', 'equal']);
      expect(await readTorn()).toEqual([]);
      // The other worker held the image, too: nothing that was read had to be read again.
      expect(await countImages(id)).toBe(1);
    },
    LIMIT_MS,
  );

  it('plan an execution where its systems can be reached', { timeout: LIMIT_MS }, async () => {
    const signal = AbortSignal.timeout(LIMIT_MS);
    onTestFailed(showLogs);
    const mends = await Promise.all([
      cutOff('source')(machines[0] as Machine),
      cutOff('destination')(machines[0] as Machine),
    ]);
    const { id } = await api.client.startBulkSync(syncId, {}, signal);
    const { execution, receipt } = await untilEnded(api, syncId, id, signal);
    for (const mend of mends) await mend();
    expect([execution.status, receipt?.verdict]).toEqual(['completed', 'equal']);
  });

  it('has lost and doubled nothing in the end', { timeout: LIMIT_MS }, async () => {
    const signal = AbortSignal.timeout(LIMIT_MS);
    onTestFailed(showLogs);
    await writer.stop();
    const { id } = await api.client.startBulkSync(syncId, {}, signal);
    const { execution } = await untilEnded(api, syncId, id, signal);
    expect(execution.status).toBe('completed');
    for (const name of [...KEYED, ...KEYLESS]) expect(await readDestination(name)).toEqual(await readSource(name));
  });
});

async function kill(victim: Machine): Promise<() => Promise<void>> {
  await victim.process.kill();
  return async () => {
    victim.process = await startOn(victim);
  };
}

async function freeze(victim: Machine): Promise<() => Promise<void>> {
  process.kill(victim.process.pid, 'SIGSTOP');
  const thaw = Date.now() + FROZEN_MS;
  return async () => {
    await delay(Math.max(0, thaw - Date.now()));
    process.kill(victim.process.pid, 'SIGCONT');
    // It learns that it was declared dead, and ends.
    expect(await victim.process.exited).toEqual({ code: 1, signal: null });
    victim.process = await startOn(victim);
  };
}

async function stop(victim: Machine): Promise<() => Promise<void>> {
  victim.process.interrupt();
  return async () => {
    expect(await victim.process.exited).toEqual({ code: 0, signal: null });
    victim.process = await startOn(victim);
  };
}

function cutOff(side: 'metadata' | 'source' | 'destination') {
  return async (victim: Machine): Promise<() => Promise<void>> => {
    victim[side].halfOpen();
    return async () => {
      await victim[side].heal();
      if (side !== 'metadata') return;
      expect(await victim.process.exited).toEqual({ code: 1, signal: null });
      victim.process = await startOn(victim);
    };
  };
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

/** How often the source was looked at anew. */
async function countImages(executionId: string): Promise<unknown> {
  const [row] = await queryDatabase(
    databases.metadata.url,
    `SELECT count(*)::int FROM execution_snapshots WHERE execution_id = '${executionId}'`,
  );
  return row?.[0];
}

/** Nothing that is not done is the victim's any more. */
async function untilTakenOver(victim: Machine, executionId: string, signal: AbortSignal): Promise<void> {
  await waitFor(async () => {
    const rows = await queryDatabase(
      databases.metadata.url,
      `SELECT 1 FROM segments s JOIN workers w ON w.id = s.worker_id
       JOIN execution_schemas e ON e.execution_id = s.execution_id AND e.schema_id = s.schema_id AND e.generation = s.generation
       WHERE s.execution_id = '${executionId}' AND s.state = 'owned' AND w.pid = ${victim.process.pid}`,
    );
    return rows.length === 0 ? true : null;
  }, signal);
}

const LIVING = '__millrace_deleted_at IS NULL';

/** Tables whose amounts do not add up to nothing, or that hold a key twice. */
async function readTorn(): Promise<string[]> {
  const torn: string[] = [];
  for (const name of [...KEYED, ...KEYLESS]) {
    const where = KEYED.includes(name) ? `WHERE ${LIVING}` : '';
    const [row] = await queryDatabase(
      databases.destination.ownerUrl,
      `SELECT sum(amount)::int, count(*) FROM landing.${name} ${where}`,
    );
    if (row?.[0] !== 0) torn.push(`${name}: ${row?.[0]}`);
  }
  return torn;
}

function readSource(name: string): Promise<unknown[][]> {
  return queryDatabase(databases.source.ownerUrl, `SELECT md5(t::text) FROM ${name} t ORDER BY 1`);
}

function readDestination(name: string): Promise<unknown[][]> {
  const [first, where] = KEYED.includes(name) ? ['id', `WHERE ${LIVING}`] : ['at', ''];
  return queryDatabase(
    databases.destination.ownerUrl,
    `SELECT md5(r::text) FROM (SELECT ${first}, amount, note FROM landing.${name} ${where}) r ORDER BY 1`,
  );
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
