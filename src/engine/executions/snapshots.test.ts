import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createTestDatabase, queryDatabase, type TestDatabase } from '../../../tests/setup/databases.ts';
import { FaultProxy } from '../../../tests/setup/fault-proxy.ts';
import { fillHistory } from '../../../tests/setup/history.ts';
import { connectDatabase, NEVER } from '../../../tests/setup/postgresql-loads.ts';
import type { Connector } from '../../connector-kit/index.ts';
import { openStore, registerWorker, type Store } from '../../store/index.ts';
import type { EngineParts } from '../engine-parts.ts';
import { tidy } from '../workers/sweeper.ts';
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

async function createHolder(now?: () => number): Promise<SnapshotHolder> {
  const workerId = randomUUID();
  const worker = { id: workerId, host: 'here', pid: 1, build: 'test', lanes: 8, usualLanes: 2, protocol: '1' };
  await registerWorker(store.db, worker);
  return new SnapshotHolder(store, workerId, openSource, now);
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

it('reading goes on in the image of another worker for every lane that lost the session of ours', async () => {
  const [opener, other] = [await createHolder(), await createHolder()];
  const { epoch } = await opener.renew(executionId, 0, openSource, NEVER);
  await other.join(executionId, epoch, NEVER);
  const triedAt = performance.now();
  expect(await opener.renounce(executionId, epoch, triedAt)).toBe(true);
  expect(await opener.renounce(executionId, epoch, triedAt)).toBe(true);
  const joined = await opener.join(executionId, epoch, NEVER);
  // A lane that was slower to find it out does not take the new session from the others.
  expect(await opener.renounce(executionId, epoch, triedAt)).toBe(true);
  expect(await opener.join(executionId, epoch, NEVER)).toEqual(joined);
  await other.close(executionId);
  await opener.close(executionId);
});

it('is lost for who has read in the image of another worker only', async () => {
  const [opener, other] = [await createHolder(), await createHolder()];
  const { epoch } = await opener.renew(executionId, 0, openSource, NEVER);
  expect(await other.renounce(executionId, epoch, performance.now())).toBe(false);
  await opener.close(executionId);
});

it('every worker lets go of an image that is too old, while the execution goes on', async () => {
  const goOn = `UPDATE executions SET status = 'running', completed_at = NULL WHERE id = $1`;
  await queryDatabase(metadata.url, goOn, [executionId]);
  let now = Date.now();
  const [opener, other] = [await createHolder(() => now), await createHolder(() => now)];
  // Those of the tests before take a moment to leave.
  await expect.poll(countImages).toBe(0);
  const { epoch } = await opener.renew(executionId, 0, openSource, NEVER);
  const ref = await other.join(executionId, epoch, NEVER);
  const tidyAll = async () => {
    // All that it asks for.
    for (const snapshots of [opener, other])
      await tidy({ store, snapshots, visited: new Set() } as unknown as EngineParts);
  };
  await tidyAll();
  expect(await countImages()).toBe(2);
  now += (4 * 60 + 1) * 60 * 1_000;
  await tidyAll();
  await expect.poll(countImages).toBe(0);
  expect(ref).not.toBeNull();
  expect(await other.join(executionId, epoch, NEVER)).toBeNull();
  const { epoch: next } = await other.renew(executionId, epoch, openSource, NEVER);
  await tidyAll();
  expect([next, await countImages()]).toEqual([epoch + 1, 1]);
  await other.close(executionId);
});

/** Sessions that hold back the clean-up of the source. */
async function countImages(): Promise<unknown> {
  const [row] = await queryDatabase(
    source.url,
    `SELECT count(*)::int FROM pg_stat_activity
     WHERE datname = current_database() AND pid <> pg_backend_pid() AND state = 'idle in transaction' AND backend_xmin IS NOT NULL`,
  );
  return row?.[0];
}
