import { sql } from 'kysely';
import { beforeEach, describe, expect, it } from 'vitest';
import { nameOf, schemaOf, useStoredExecution } from '../../../tests/setup/stored-execution.ts';
import { setSchemaStatus } from './run-schemas.ts';
import {
  finishItem,
  hasItemsOfDead,
  hasOpenItems,
  listReads,
  reclaimItem,
  saveProgress,
  type WorkItem,
} from './work-items.ts';
import { takeWorkerLock } from './worker-locks.ts';
import { beat, buryOthers, buryWorkers, listDeadWorkers, retireWorker } from './workers.ts';

const stored = useStoredExecution();
const { addWorker, claim, plan, store, workOff } = stored;
let executionId: string;
let workerId: string;

beforeEach(() => {
  ({ executionId, workerId } = stored.ids());
});

describe('the order of claims', () => {
  it('is prepare, reads, finish, schema by schema', async () => {
    await plan(schemaOf('b', 1), schemaOf('a', 2));
    const a = ['a prepare 0', 'a read 1', 'a read 2', 'a finish 3'];
    expect(await workOff()).toEqual([...a, 'b prepare 0', 'b read 1', 'b finish 2']);
    expect(await hasOpenItems(store.db, executionId)).toBe(false);
  });

  it('holds reads back until the schema is prepared, and its end until all reads are done', async () => {
    await plan(schemaOf('a', 2));
    const prepare = await claim('lane-1');
    expect([nameOf(prepare), nameOf(await claim('lane-2'))]).toEqual(['a prepare 0', null]);
    expect(await hasOpenItems(store.db, executionId)).toBe(true);
    await finishItem(store.db, prepare as WorkItem, workerId, null);
    const [first, second] = [await claim('lane-1'), await claim('lane-2')];
    expect([nameOf(first), nameOf(second)]).toEqual(['a read 1', 'a read 2']);
    await finishItem(store.db, second as WorkItem, workerId, null);
    expect(await claim('lane-2')).toBeNull();
    await finishItem(store.db, first as WorkItem, workerId, null);
    expect(nameOf(await claim('lane-2'))).toBe('a finish 3');
  });

  it('leaves out schemas that have failed', async () => {
    await plan(schemaOf('a', 1), schemaOf('b', 1));
    await setSchemaStatus(store.db, executionId, 'a', 'failed', 'broken');
    expect(await workOff()).toEqual(['b prepare 0', 'b read 1', 'b finish 2']);
    expect(await hasOpenItems(store.db, executionId)).toBe(false);
  });

  it('gives every item to one lane only, however many ask at once', async () => {
    await plan(schemaOf('a', 60));
    await finishItem(store.db, (await claim()) as WorkItem, workerId, null);
    const taken = await Promise.all(
      ['lane-1', 'lane-2', 'lane-3', 'lane-4'].map(async (lane) => {
        const mine: number[] = [];
        for (let misses = 0; misses < 20; ) {
          const item = await claim(lane);
          if (item === null || item.kind !== 'read') misses += 1;
          else if (await finishItem(store.db, item, workerId, null)) mine.push(item.no);
        }
        return mine;
      }),
    );
    const all = taken.flat().sort((a, b) => a - b);
    expect(all).toEqual(Array.from({ length: 60 }, (_, index) => index + 1));
  });
});

describe('an owned item', () => {
  let item: WorkItem;

  beforeEach(async () => {
    await plan(schemaOf('a', 3));
    await finishItem(store.db, (await claim()) as WorkItem, workerId, null);
    item = (await claim('lane-1')) as WorkItem;
  });

  it('comes first when its lane asks again, under a new token that voids the old one', async () => {
    const again = (await claim('lane-1')) as WorkItem;
    expect([nameOf(again), again.token]).toEqual([nameOf(item), item.token + 1]);
    expect(await finishItem(store.db, item, workerId, { old: true })).toBe(false);
    expect(await finishItem(store.db, again, workerId, { old: false })).toBe(true);
    expect((await listReads(store.db, executionId, 'a', 1))[0]).toMatchObject({
      outcome: { old: false },
      state: 'done',
    });
  });

  it('is not given to another lane while its worker lives', async () => {
    expect(nameOf(await claim('lane-2', await addWorker()))).toBe('a read 2');
  });

  it('is given to any lane when its worker is dead', async () => {
    const heir = await addWorker();
    await retireWorker(store.db, workerId);
    const inherited = (await claim('lane-2', heir)) as WorkItem;
    expect([nameOf(inherited), inherited.token]).toEqual([nameOf(item), item.token + 1]);
    expect(await finishItem(store.db, inherited, heir, null)).toBe(true);
    expect(await hasItemsOfDead(store.db, executionId)).toBe(true);
  });

  it('gets a new token for another attempt, once', async () => {
    const again = await reclaimItem(store.db, item, workerId);
    expect(again).toEqual({ ...item, token: item.token + 1 });
    expect(await reclaimItem(store.db, item, workerId)).toBeNull();
  });

  it('takes progress of its present owner only', async () => {
    await saveProgress(store.db, item, workerId, { records: 7, bytes: 70 });
    await saveProgress(store.db, { ...item, token: item.token - 1 }, workerId, { records: 99, bytes: 99 });
    const row = await store.db
      .selectFrom('segments')
      .select(['progressRecords', 'progressBytes'])
      .where('executionId', '=', executionId)
      .where('no', '=', item.no)
      .executeTakeFirstOrThrow();
    expect(row).toEqual({ progressRecords: '7', progressBytes: '70' });
  });
});

describe('a dead worker', () => {
  it('can neither claim, nor try again, nor finish, nor beat', async () => {
    await plan(schemaOf('a', 1));
    const item = (await claim()) as WorkItem;
    await retireWorker(store.db, workerId);
    expect(await claim()).toBeNull();
    expect(await reclaimItem(store.db, item, workerId)).toBeNull();
    expect(await finishItem(store.db, item, workerId, null)).toBe(false);
    expect(await beat(store.db, workerId)).toBeNull();
  });

  it('is one whose heartbeat is too old; the one who asks is spared', async () => {
    const silent = await addWorker();
    await store.db
      .updateTable('workers')
      .set({ heartbeatAt: sql`now() - interval '1 minute'` })
      .where('id', 'in', [silent, workerId])
      .execute();
    const lively = await addWorker();
    await buryWorkers(store.db, { besides: workerId, now: new Date(), silentMs: 10_000 });
    const dead = await listDeadWorkers(store.db);
    expect([dead.includes(silent), dead.includes(workerId), dead.includes(lively)]).toEqual([true, false, false]);
  });

  it.each([
    ['has beaten last by a clock that was set back', '1 day', 0, true],
    ['beats by a clock that was set forward a moment ago', '-1 minute', -60_000, false],
    ['beats by a clock that was set back a moment ago', '1 minute', 60_000, false],
  ])('is one that %s: heartbeat at %s, reckoned now at %i ms: %s', async (_, from, aheadMs, isDead) => {
    const worker = await addWorker();
    await store.db
      .updateTable('workers')
      .set({ heartbeatAt: sql`now() + ${from}::interval` })
      .where('id', '=', worker)
      .execute();
    await buryWorkers(store.db, { besides: workerId, now: new Date(Date.now() + aheadMs), silentMs: 10_000 });
    expect((await listDeadWorkers(store.db)).includes(worker)).toBe(isDead);
  });

  it('is everybody else where a process is alone, whatever the clock was', async () => {
    const other = await addWorker();
    await store.db
      .updateTable('workers')
      .set({ heartbeatAt: sql`now() + interval '1 day'` })
      .where('id', '=', other)
      .execute();
    await buryOthers(store.db, workerId);
    expect([await beat(store.db, other), await beat(store.db, workerId)]).toEqual([null, expect.any(Date)]);
  });

  it('gives up a lock that it took by a clock which was set back', async () => {
    const [dead, living] = [await addWorker(), await addWorker()];
    const lock = (holder: string) => ({ name: `lock of ${dead}`, workerId: holder, expiresAfterMs: 60_000 });
    expect([await takeWorkerLock(store.db, lock(dead)), await takeWorkerLock(store.db, lock(living))]).toEqual([
      true,
      false,
    ]);
    await store.db
      .updateTable('workerLocks')
      .set({ expiresAt: sql`now() + interval '1 day'` })
      .where('name', '=', lock(dead).name)
      .execute();
    expect(await takeWorkerLock(store.db, lock(living))).toBe(true);
  });
});
