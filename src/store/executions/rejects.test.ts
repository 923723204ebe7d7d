import { beforeEach, describe, expect, it } from 'vitest';
import { schemaOf, useStoredExecution } from '../../../tests/setup/stored-execution.ts';
import { countRejectsOfOthers, listRejects, type RejectRow, saveRejects } from './rejects.ts';
import { setSchemaStatus } from './run-schemas.ts';
import { finishItem, reclaimItem, type WorkItem } from './work-items.ts';

const stored = useStoredExecution();
const { addWorker, claim, organizationId, plan, store } = stored;
let executionId: string;
let workerId: string;

beforeEach(async () => {
  ({ executionId, workerId } = stored.ids());
  await plan(schemaOf('a', 2), schemaOf('b', 1));
  await finishItem(store.db, (await claim()) as WorkItem, workerId, null);
});

const rejectsNamed = (...ids: readonly (string | number)[]): RejectRow[] =>
  ids.map((id) => ({ key: { id: String(id) }, reason: 'too odd' }));

const many = (count: number): RejectRow[] => rejectsNamed(...Array.from({ length: count }, (_, id) => id));

const save = (item: WorkItem, rejects: readonly RejectRow[], atMost: number | null = null, by = workerId) =>
  saveRejects(store, item, { organizationId, workerId: by, rejects, atMost });

async function listed(): Promise<string[]> {
  const page = { limit: 10_000, after: null, schemaId: null };
  const { records } = await listRejects(store.db, organizationId, executionId, page);
  return records.map(({ schemaId, key }) => `${schemaId} ${key?.id}`);
}

const claimed = async (lane: string) => (await claim(lane)) as WorkItem;

describe('the rejects of an item', () => {
  it('are stored once though they are saved again after a crash', async () => {
    const item = await claimed('lane-1');
    await save(item, many(2_500));
    const again = (await reclaimItem(store.db, item, workerId)) as WorkItem;
    await save(again, many(2_500));
    expect(await listed()).toHaveLength(2_500);
  });

  it('are those of its last attempt', async () => {
    const item = await claimed('lane-1');
    await save(item, rejectsNamed(1, 2, 3));
    const second = (await reclaimItem(store.db, item, workerId)) as WorkItem;
    await save(second, rejectsNamed(2));
    expect(await listed()).toEqual(['a 2']);
    const third = (await reclaimItem(store.db, second, workerId)) as WorkItem;
    await save(third, []);
    expect(await listed()).toEqual([]);
  });

  it('are not taken from who no longer has it', async () => {
    const item = await claimed('lane-1');
    await reclaimItem(store.db, item, workerId);
    expect(await save(item, rejectsNamed(1))).toBe(true);
    const other = await claimed('lane-2');
    expect(await save(other, rejectsNamed(2), null, await addWorker())).toBe(true);
    expect(await listed()).toEqual([]);
  });
});

describe('an execution that may have so many rejects', () => {
  it('takes no more, whichever schemas they are of', async () => {
    const [first, second] = [await claimed('lane-1'), await claimed('lane-2')];
    expect(await save(first, rejectsNamed(1, 2), 3)).toBe(true);
    await setSchemaStatus(store.db, executionId, 'a', 'failed', 'The table does not fit.');
    await finishItem(store.db, await claimed('lane-3'), workerId, null);
    const other = await claimed('lane-3');
    expect(other.schemaId).toBe('b');
    expect(await save(other, rejectsNamed(3, 4), 3)).toBe(false);
    expect(await save(other, rejectsNamed(3), 3)).toBe(true);
    expect(await listed()).toEqual(['a 1', 'a 2', 'b 3']);
    expect(await Promise.all([first, second, other].map((item) => countRejectsOfOthers(store.db, item)))).toEqual([
      1, 3, 2,
    ]);
  });

  it('counts an item that is begun again once', async () => {
    const item = await claimed('lane-1');
    expect(await save(item, rejectsNamed(1, 2, 3), 3)).toBe(true);
    const again = (await reclaimItem(store.db, item, workerId)) as WorkItem;
    expect(await save(again, rejectsNamed(1, 2, 3), 3)).toBe(true);
  });

  it('gives the last place to one of those who ask at once', async () => {
    const items = [await claimed('lane-1'), await claimed('lane-2')];
    const answers = await Promise.all(items.map((item) => save(item, many(600), 1_000)));
    expect(answers.sort()).toEqual([false, true]);
    expect(await listed()).toHaveLength(600);
  });
});
