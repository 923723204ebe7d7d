import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../../tests/setup/databases.ts';
import { FaultProxy } from '../../../tests/setup/fault-proxy.ts';
import { fillHistory } from '../../../tests/setup/history.ts';
import { NEVER } from '../../../tests/setup/postgresql-loads.ts';
import { enterConnections, openStore, registerWorker, type Store, takeWorkerLock } from '../../store/index.ts';
import { withinLimits } from './connection-limits.ts';
import { OwnedFiles } from './owned-files.ts';

// What a worker takes from the others for a while, and has to give back also when the metadata database breaks then.

let metadata: TestDatabase;
let proxy: FaultProxy;
let home: string;
let store: Store;
let connectionId: string;
let one: string;
let other: string;

beforeAll(async () => {
  metadata = await createTestDatabase();
  proxy = await FaultProxy.open(metadata.ownerUrl);
  home = mkdtempSync(join(tmpdir(), 'millrace-shared-'));
  const masterKey = { environment: null, file: join(home, 'master.key') };
  store = await openStore({ url: proxy.through(metadata.ownerUrl), masterKey, maxConnections: 2 });
  await using history = await fillHistory(metadata, { syncs: 1, executionsPerSync: 1 });
  const [row] = await history.sql('SELECT id FROM connections LIMIT 1');
  connectionId = String(row?.id);
});
afterAll(async () => {
  await store.close();
  await proxy[Symbol.asyncDispose]();
  await metadata[Symbol.asyncDispose]();
  rmSync(home, { recursive: true });
});
beforeEach(async () => {
  [one, other] = [await addWorker(), await addWorker()];
});

async function addWorker(): Promise<string> {
  const id = randomUUID();
  await registerWorker(store.db, { id, host: 'here', pid: 1, build: 'test', lanes: 8, usualLanes: 2, protocol: '1' });
  return id;
}

it('gives the place on a connection back when the metadata database breaks behind a cancel', async () => {
  const cancel = new AbortController();
  const connection = { id: connectionId, maxLanes: 1 };
  const lane = {
    parts: { store, workerId: one, draining: NEVER },
    run: { source: connection, destination: connection },
    laneId: 'first',
    stop: cancel.signal,
  };
  const work = async () => {
    cancel.abort();
    void proxy.cutAfter('to-server', 0);
    return true;
  };
  expect(await withinLimits(lane, work)).toBe(true);
  const next = { laneId: 'next', workerId: other, connections: [{ connectionId, maxLanes: 1 }] };
  expect(await enterConnections(store, next)).toBe(true);
});

it('gives a file back when it is asked again after the metadata database broke', async () => {
  const files = new OwnedFiles(store, one);
  await files.hold('execution', ['a file'], NEVER, () => {});
  void proxy.cutAfter('to-server', 0);
  await expect(files.letGo('execution')).rejects.toThrow();
  await files.letGo('execution');
  expect(await takeWorkerLock(store.db, { name: 'file a file', workerId: other })).toBe(true);
});

it('keeps a file that one execution gives back while another one takes it', async () => {
  for (let round = 0; round < 40; round++) {
    const [files, path] = [new OwnedFiles(store, one), `path ${round}`];
    await files.hold('first', [path], NEVER, () => {});
    await Promise.all([files.letGo('first'), files.hold('second', [path], NEVER, () => {})]);
    expect(await takeWorkerLock(store.db, { name: `file ${path}`, workerId: other })).toBe(false);
  }
});
