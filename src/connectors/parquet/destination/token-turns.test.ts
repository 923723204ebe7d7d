import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createFilesRoot, createPlan, loadSegment } from '../../../../tests/setup/duckdb/duckdb-loads.ts';
import { connectFolder } from '../../../../tests/setup/duckdb/parquet-loads.ts';
import { leaseFile } from '../../../connector-kit/duckdb/index.ts';
import type { Connector, Load, LoadPlan } from '../../../connector-kit/index.ts';
import { workFileOf } from './layout.ts';

const FIELDS = { '*id': { kind: 'integer', bits: 64 } } as const;
const signal = new AbortController().signal;

let files: Awaited<ReturnType<typeof createFilesRoot>>;
let connector: Connector;
let plan: LoadPlan;
let load: Load;

beforeEach(async () => {
  files = await createFilesRoot();
  connector = await connectFolder(files.root, 'lake');
  plan = createPlan(connector, { fields: FIELDS, table: { schema: '', name: 'flights' }, tombstones: false });
  const opened = await connector.destination?.open(plan, signal);
  if (opened === undefined) throw new Error('no destination');
  load = opened;
  await load.prepare(signal);
});

afterEach(async () => {
  await load[Symbol.asyncDispose]();
  await connector[Symbol.asyncDispose]();
  await files[Symbol.asyncDispose]();
});

/** Does `meanwhile` while somebody else has the folder's turn. */
async function whileBusy(meanwhile: () => Promise<void>): Promise<void> {
  await using lease = await leaseFile(workFileOf(join(files.root, 'lake')));
  const done = Promise.withResolvers<void>();
  const busy = lease.exclusive('Testing', () => done.promise, signal);
  await meanwhile().finally(done.resolve);
  await busy;
}

it('begins a segment while another one is loaded', async () => {
  await whileBusy(async () => {
    await using _writer = await load.beginSegment({ no: 1, token: 1 }, { isolate: false }, signal);
  });
});

it('commits no segment whose token was raised while it waited for its turn', async () => {
  let first: Promise<unknown> | undefined;
  await whileBusy(async () => {
    first = loadSegment(load, plan, { no: 0, token: 1 }, [[['1']]]);
    first.catch(() => {});
    await using _second = await load.beginSegment({ no: 0, token: 2 }, { isolate: false }, signal);
  });
  await expect(first).rejects.toMatchObject({ code: 'FENCE_LOST' });
  expect(await load.lookup({ no: 0, token: 2 }, signal)).toEqual({ state: 'absent' });
  await loadSegment(load, plan, { no: 0, token: 3 }, [[['1'], ['2']]]);
  expect(await load.lookup({ no: 0, token: 3 }, signal)).toMatchObject({ state: 'committed' });
});

it('raises no token of a committed segment, and many at once leave the highest', async () => {
  const tokens = [3, 1, 5, 2, 4];
  const begun = await Promise.allSettled(
    tokens.map((token) => load.beginSegment({ no: 0, token }, { isolate: false }, signal)),
  );
  expect(begun.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'rejected', 'rejected']);
  for (const each of begun) if (each.status === 'fulfilled') await each.value[Symbol.asyncDispose]();
  await expect(loadSegment(load, plan, { no: 0, token: 4 }, [[['1']]])).rejects.toMatchObject({ code: 'FENCE_LOST' });
  await loadSegment(load, plan, { no: 0, token: 5 }, [[['1']]]);
  await expect(load.beginSegment({ no: 0, token: 6 }, { isolate: false }, signal)).rejects.toMatchObject({
    code: 'FENCE_LOST',
  });
});
