import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../../tests/setup/databases.ts';
import { FaultProxy } from '../../../tests/setup/fault-proxy.ts';
import { fillHistory } from '../../../tests/setup/history.ts';
import { connectDatabase, NEVER } from '../../../tests/setup/postgresql-loads.ts';
import type { Connector } from '../../connector-kit/index.ts';
import { openStore, registerWorker, type Store } from '../../store/index.ts';
import { SnapshotHolder } from './snapshots.ts';

let metadata: TestDatabase;
let source: TestDatabase;
let proxy: FaultProxy;
let home: string;
let store: Store;
let executionId: string;

beforeAll(async () => {
  [metadata, source] = [await createTestDatabase(), await createTestDatabase()];
  proxy = await FaultProxy.open(metadata.ownerUrl);
  home = mkdtempSync(join(tmpdir(), 'millrace-snapshots-'));
  const masterKey = { environment: null, file: join(home, 'master.key') };
  store = await openStore({ url: proxy.through(metadata.ownerUrl), masterKey, maxConnections: 2 });
  await using history = await fillHistory(metadata, { syncs: 1, executionsPerSync: 1 });
  const [row] = await history.sql('SELECT id FROM executions LIMIT 1');
  executionId = String(row?.id);
});

afterAll(async () => {
  await store.close();
  await proxy[Symbol.asyncDispose]();
  await source[Symbol.asyncDispose]();
  await metadata[Symbol.asyncDispose]();
  rmSync(home, { recursive: true });
});

async function createHolder(): Promise<SnapshotHolder> {
  const workerId = randomUUID();
  const worker = { id: workerId, host: 'here', pid: 1, build: 'test', lanes: 8, usualLanes: 2, protocol: '1' };
  await registerWorker(store.db, worker);
  return new SnapshotHolder(store, workerId, openSource);
}

const openSource = (): Promise<Connector> => connectDatabase(source.ownerUrl);

it.each([
  ['before it was told of the image', () => proxy.cutAfter('to-server', 0)],
  ['with its answer', () => proxy.cutAfter('to-client', 0)],
])('a renewal outlives a metadata database whose connection breaks %s', async (_when, harm) => {
  const holder = await createHolder();
  const { epoch: before } = await holder.renew(executionId, 0, openSource, NEVER);
  let struck: Promise<void> | undefined;
  const openAndHarm = (): Promise<Connector> => {
    struck = harm();
    return openSource();
  };
  const { epoch, ref } = await holder.renew(executionId, before, openAndHarm, NEVER);
  await struck;
  expect(epoch).toBe(before + 1);
  expect(await holder.find(executionId, epoch)).toEqual(ref);
  await holder.close(executionId);
});
