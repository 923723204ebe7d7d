import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFailed, onTestFinished } from 'vitest';
import type { BulkSyncBody } from '../../src/contract/index.ts';
import { ALTERED, PEOPLE } from '../setup/altered-people.ts';
import { queryDatabase } from '../setup/databases.ts';
import { LIMIT_MS, useServer, useSyncScene } from '../setup/hooks.ts';
import { createTestHome, startWorker, type TestHome, type WorkerProcess, waitFor } from '../setup/millrace.ts';
import { untilEnded } from '../setup/syncs.ts';

// One process with the API and two workers. The one that repairs is struck in the middle, and the other carries on.

const REPAIRED = ['different 7', 'extra -1', 'missing 8'];

const key = randomBytes(32).toString('hex');
const server = useServer(() => ({ MILLRACE_ROLE: 'api,scheduler', MILLRACE_ENCRYPTION_KEY: key }));
const scene = useSyncScene(server, PEOPLE);

interface Machine {
  readonly home: TestHome;
  readonly worker: WorkerProcess;
  /** Lets it go on behind its failpoint. */
  release(): void;
}

/** A worker that stands still at that point, and with it its heartbeat, until it is released. */
async function startMachine(point: string): Promise<Machine> {
  const home = await createTestHome();
  onTestFinished(() => home[Symbol.asyncDispose]());
  const file = join(home.folder, 'go-on');
  const worker = await startWorker(home, {
    DATABASE_URL: server.metadata.url,
    MILLRACE_ENCRYPTION_KEY: key,
    ...(point === '' ? {} : { MILLRACE_FAILPOINTS: `${point}=wait:${file}` }),
  });
  onTestFinished(() => worker[Symbol.asyncDispose]());
  onTestFailed(() => console.error(home.readLog().split('\n').slice(-40).join('\n')));
  return { home, worker, release: () => writeFileSync(file, '') };
}

/** Loads the table by a worker that ends in order, and alters it in the destination. */
async function load(): Promise<BulkSyncBody> {
  const { worker } = await startMachine('');
  const sync = await scene.make([{ id: 'public.people', tracking_field: 'changed_at' }]);
  await server.client.setSyncSettings(sync.id, { receipt_depth: 'repair' }, scene.signal);
  expect((await scene.run(sync.id)).receipt?.verdict).toBe('equal');
  worker.interrupt();
  await worker.exited;
  await scene.inDestination(ALTERED);
  return sync;
}

/** Whether the repair, a newer generation than the load before it, has got so far. */
const REACHED = {
  'before-repair': (loaded: unknown) =>
    `SELECT FROM __millrace.segments WHERE generation > ${loaded} AND committed IS NOT NULL`,
  repaired: () => `SELECT FROM landing.people WHERE id = 7 AND name = 'name 7'`,
};

/** The worker that stands still at the point, and the other one. */
async function untilReached(
  point: keyof typeof REACHED,
  executionId: string,
  machines: readonly Machine[],
): Promise<readonly [victim: Machine, other: Machine]> {
  const pid = await waitFor(async () => {
    const [row] = await queryDatabase(
      server.metadata.url,
      `SELECT w.pid, s.generation FROM segments s JOIN workers w ON w.id = s.worker_id
       WHERE s.execution_id = '${executionId}' AND s.state = 'owned' AND s.kind = 'finish'`,
    );
    if (row === undefined) return null;
    const isReached = (await scene.inDestination(REACHED[point](row[1]))).length > 0;
    return isReached ? Number(row[0]) : null;
  }, scene.signal);
  const victim = machines.find(({ worker }) => worker.pid === pid);
  const other = machines.find(({ worker }) => worker.pid !== pid);
  if (victim === undefined || other === undefined) throw new Error(`No worker has the process id ${pid}.`);
  return [victim, other];
}

const landed = () =>
  scene.inDestination('SELECT id, name FROM landing.people WHERE __millrace_deleted_at IS NULL ORDER BY id');

async function expectRepaired(sync: BulkSyncBody, executionId: string): Promise<readonly string[] | null> {
  const { execution, receipt } = await untilEnded(server, sync.id, executionId, scene.signal);
  expect([execution.status, execution.status_message, receipt?.verdict]).toEqual(['completed', undefined, 'equal']);
  expect(await landed()).toEqual(await scene.inSource('SELECT id, name FROM people ORDER BY id'));
  const { records } = receipt?.schemas[0]?.repaired ?? {};
  return records?.map((record) => `${record.kind} ${record.key.id}`).sort() ?? null;
}

describe('a repair', () => {
  it('is made where there are two workers', { timeout: LIMIT_MS }, async () => {
    const sync = await load();
    await startMachine('');
    await startMachine('');
    const { id } = await server.client.startBulkSync(sync.id, {}, scene.signal);
    expect(await expectRepaired(sync, id)).toEqual(REPAIRED);
  });

  it.each([
    ['killed', 'before-repair'],
    ['killed', 'repaired'],
    ['frozen', 'before-repair'],
    ['frozen', 'repaired'],
  ] as const)('is carried on when its worker is %s at the point %s', { timeout: LIMIT_MS }, async (strike, point) => {
    const sync = await load();
    const machines = [await startMachine(point), await startMachine(point)];
    const { id } = await server.client.startBulkSync(sync.id, {}, scene.signal);
    const [victim, other] = await untilReached(point, id, machines);
    other.release();
    if (strike === 'killed') await victim.worker.kill();
    const repaired = await expectRepaired(sync, id);
    // What was published before the strike is found equal; who lists it has died.
    expect(repaired).toEqual(point === 'repaired' ? null : REPAIRED);
    if (strike === 'frozen') {
      victim.release();
      // It learns that it was declared dead before it can do anything.
      expect(await victim.worker.exited).toEqual({ code: 1, signal: null });
      expect(await landed()).toEqual(await scene.inSource('SELECT id, name FROM people ORDER BY id'));
    }
    // The next load drops what an attempt has left.
    expect((await scene.run(sync.id)).receipt?.schemas[0]).toMatchObject({ verdict: 'equal', repaired: null });
    expect(await scene.tables()).toEqual(['landing.people']);
  });
});
