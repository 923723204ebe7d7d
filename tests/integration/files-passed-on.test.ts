import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it, onTestFailed, onTestFinished } from 'vitest';
import { FaultProxy } from '../setup/fault-proxy.ts';
import { LIMIT_MS, useServer, useSyncScene } from '../setup/hooks.ts';
import { createTestHome, startWorker, waitFor } from '../setup/millrace.ts';
import { untilEnded } from '../setup/syncs.ts';

// Two workers that see one folder for files. The one that takes the execution does not reach the source.

const folder = mkdtempSync(join(tmpdir(), 'millrace-shared-'));
const shared = { MILLRACE_ENCRYPTION_KEY: randomBytes(32).toString('hex'), MILLRACE_FILES: folder };
const server = useServer(() => ({ ...shared, MILLRACE_ROLE: 'api,scheduler' }));
const scene = useSyncScene(server, 'CREATE TABLE people AS SELECT i AS id FROM generate_series(1, 100) i');

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** @param reroute which port leads to which other one */
async function startMachine(reroute = ''): Promise<void> {
  const home = await createTestHome();
  onTestFinished(() => home[Symbol.asyncDispose]());
  const worker = await startWorker(home, {
    ...shared,
    DATABASE_URL: server.metadata.url,
    MILLRACE_TEST_REROUTE: reroute,
    NODE_OPTIONS: `--import=${new URL('../setup/reroute.ts', import.meta.url).href}`,
  });
  onTestFinished(() => worker[Symbol.asyncDispose]());
  onTestFailed(() => console.error(home.readLog().split('\n').slice(-30).join('\n')));
}

it('passes an execution on together with its file', { timeout: LIMIT_MS }, async () => {
  await using door = await FaultProxy.open(scene.source.ownerUrl);
  await using dead = await FaultProxy.open(scene.source.ownerUrl);
  const portOf = (proxy: FaultProxy) => new URL(proxy.through('postgresql://x')).port;
  const sync = await scene.make(
    ['public.people'],
    {},
    { source: door.through(scene.source.ownerUrl), destination: ['duckdb', { path: 'passed-on.duckdb' }] },
  );
  dead.halfOpen();
  await startMachine(`${portOf(door)}=${portOf(dead)}`);
  const { id } = await server.client.startBulkSync(sync.id, {}, scene.signal);
  const isAsked = async () => (dead.acceptedConnections > 0 ? true : null);
  await waitFor(isAsked, scene.signal);
  await startMachine();
  const { execution, receipt } = await untilEnded(server, sync.id, id, scene.signal);
  expect([execution.status, receipt?.verdict]).toEqual(['completed', 'equal']);
});
