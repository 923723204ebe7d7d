import { beforeEach, describe, expect, it } from 'vitest';
import { schemaOf, useStoredExecution } from '../../../tests/setup/stored-execution.ts';
import { SyncError } from '../../core/index.ts';
import { finishItem, type Run, type WorkItem } from '../../store/index.ts';
import type { EngineParts } from '../engine-parts.ts';
import { finishSchema } from './finish-schema.ts';
import { LaneClock } from './lane-clock.ts';
import { findRoom, listLost, withinRoom } from './reject-limits.ts';
import type { SchemaToFinish } from './schema-to-finish.ts';

const stored = useStoredExecution();
const { claim, organizationId, plan, store } = stored;
const NEVER = new AbortController().signal;
let parts: EngineParts;
let run: Run;

beforeEach(() => {
  const { executionId, workerId, syncId } = stored.ids();
  // What lists of rejects need of them.
  parts = { store, workerId } as unknown as EngineParts;
  run = { execution: { id: executionId, organizationId }, sync: { id: syncId } } as unknown as Run;
});

const next = async () => (await claim()) as WorkItem;
const many = (count: number) => Array.from({ length: count }, (_, id) => ({ key: { id: `${id}` }, reason: 'too odd' }));

/** Rejects of another schema of the same execution. */
async function lose(count: number): Promise<void> {
  await store.pool.query(
    `INSERT INTO rejects (execution_id, schema_id, generation, segment_no, position, organization_id, reason)
     SELECT $1, 'other', 1, 1, no, $2, 'too odd' FROM generate_series(1, $3::int) no`,
    [stored.ids().executionId, organizationId, count],
  );
}

describe('an execution', () => {
  it('may lose 50,000 records over all its schemas', async () => {
    await plan(schemaOf('a', 1));
    await lose(49_990);
    await finishItem(store.db, await next(), parts.workerId, null);
    const item = await next();
    await expect(listLost(parts, run, item, many(11), NEVER)).rejects.toMatchObject({
      code: 'TOO_MANY_REJECTS',
      message: expect.stringMatching(/^With records of a, more than 50000 .* The last reason: too odd\./),
    });
    await listLost(parts, run, item, many(10), NEVER);
    expect(await findRoom(parts, item, NEVER)).toBe(10);
    expect(await findRoom(parts, { ...item, no: 2 }, NEVER)).toBe(0);
  });

  it('gives a step leave for as many as are left, and says whose limit it was', async () => {
    await plan(schemaOf('a', 1));
    const item = await next();
    const leaveOf = (room: number) =>
      withinRoom({ item, room, unchanged: 'Nothing was done.' }, (most) => Promise.resolve(most));
    expect(await Promise.all([50_000, 1_000, 7, -3].map(leaveOf))).toEqual([1_000, 1_000, 7, 0]);
    const refused = new SyncError('TOO_MANY_REJECTS', 'The table refused too many.');
    const failWith = (room: number) =>
      withinRoom({ item, room, unchanged: 'Nothing was done.' }, () => Promise.reject(refused));
    await expect(failWith(1_000)).rejects.toBe(refused);
    await expect(failWith(999)).rejects.toThrow(/^With records of a, more than 50000 .* Nothing was done\. Look/);
  });
});

describe('a schema', () => {
  const finish = (item: WorkItem) => {
    const todo = { run, specs: {}, item, plan: { kind: 'merge', depth: 'checksums' }, snapshotEpoch: 1 };
    // What is looked at before anything is published.
    return finishSchema(parts, todo as unknown as SchemaToFinish, new LaneClock(), NEVER);
  };

  it('may lose 10,000 records in all its segments', async () => {
    await plan(schemaOf('a', 11));
    await finishItem(store.db, await next(), parts.workerId, null);
    const source = { records: 0, sum: null };
    for (const rejects of [...Array.from({ length: 10 }, () => many(1_000)), many(1)])
      await finishItem(store.db, await next(), parts.workerId, { recordsRead: rejects.length, source, rejects });
    await expect(finish(await next())).rejects.toMatchObject({
      code: 'TOO_MANY_REJECTS',
      message: expect.stringMatching(/refused 10001 records of a, more than 10000\. Nothing was published/),
    });
  });
});
