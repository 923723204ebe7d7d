import { beforeEach, describe, expect, it } from 'vitest';
import { nameOf, schemaOf, useStoredExecution } from '../../../tests/setup/stored-execution.ts';
import { saveRejects } from './rejects.ts';
import {
  completeSchema,
  findRunSchema,
  nextGenerations,
  replacePlan,
  restartSchema,
  setSchemaStatus,
} from './run-schemas.ts';
import { finishItem, listLostSchemas, listReads, type WorkItem } from './work-items.ts';

const stored = useStoredExecution();
const { claim, organizationId, plan, store, workOff } = stored;
let syncId: string;
let executionId: string;
let workerId: string;

beforeEach(() => {
  ({ syncId, executionId, workerId } = stored.ids());
});

describe('a schema that is begun again', () => {
  it('forgets segments, outcomes and rejects of the lost generation', async () => {
    await plan(schemaOf('a', 2), schemaOf('b', 1));
    await finishItem(store.db, (await claim()) as WorkItem, workerId, null);
    const read = (await claim()) as WorkItem;
    const rejects = [{ key: { id: '1' }, reason: 'too odd' }];
    await saveRejects(store, read, { organizationId, workerId, rejects, atMost: null });
    await restartSchema(
      store.db,
      executionId,
      schemaOf('a', 1, { generation: 2, snapshotEpoch: 5, plan: { of: 'a2' } }),
    );
    expect(await finishItem(store.db, read, workerId, null)).toBe(false);
    expect(await findRunSchema(store.db, executionId, 'a')).toMatchObject({
      generation: 2,
      snapshotEpoch: 5,
      plan: { of: 'a2' },
    });
    const left = await store.db.selectFrom('rejects').selectAll().where('executionId', '=', executionId).execute();
    expect(left).toEqual([]);
    const rest = ['b prepare 0', 'b read 1', 'b finish 2'];
    expect(await workOff()).toEqual(['a prepare 0', 'a read 1', 'a finish 2', ...rest]);
  });

  it('takes along the others of its snapshot that have reads left and that nobody works on', async () => {
    await plan(schemaOf('a', 2), schemaOf('b', 2));
    const item = (await claim()) as WorkItem;
    expect(await listLostSchemas(store.db, item)).toEqual(
      new Map([
        ['a', 1],
        ['b', 1],
      ]),
    );
    // Somebody works on b.
    await finishItem(store.db, item, workerId, null);
    const read = (await claim('lane-1')) as WorkItem;
    await claim('lane-2');
    const other = (await claim('lane-3')) as WorkItem;
    expect(nameOf(other)).toBe('b prepare 0');
    expect(await listLostSchemas(store.db, read)).toEqual(new Map([['a', 1]]));
    // b has another snapshot.
    await restartSchema(store.db, executionId, schemaOf('b', 2, { generation: 2, snapshotEpoch: 2 }));
    expect(await listLostSchemas(store.db, read)).toEqual(new Map([['a', 1]]));
    // a was begun again by somebody else.
    await restartSchema(store.db, executionId, schemaOf('a', 2, { generation: 2, snapshotEpoch: 2 }));
    expect(await listLostSchemas(store.db, read)).toEqual(new Map());
  });

  it('leaves schemas alone of which only the end is left', async () => {
    await plan(schemaOf('a', 1), schemaOf('b', 1));
    for (const _ of ['prepare', 'read']) await finishItem(store.db, (await claim()) as WorkItem, workerId, null);
    await claim('lane-2');
    const item = (await claim('lane-1')) as WorkItem;
    expect(nameOf(item)).toBe('b prepare 0');
    expect(await listLostSchemas(store.db, item)).toEqual(new Map([['b', 1]]));
  });

  it('gets generations that only rise', async () => {
    const clock = (await nextGenerations(store.db, syncId, ['a'])).get('a') ?? 0;
    // Ahead of the clock, whose second may be another one at the next question.
    const ahead = clock + 1_000;
    const schema = store.db.updateTable('bulkSyncSchemas').where('syncId', '=', syncId).where('schemaId', '=', 'a');
    await schema.set({ generation: ahead }).execute();
    const next = await nextGenerations(store.db, syncId, ['a', 'b', 'unknown']);
    expect([next.size, next.get('a')]).toEqual([2, ahead + 1]);
    expect(next.get('b')).toBeGreaterThanOrEqual(clock);
    expect(next.get('b')).toBeLessThan(ahead);
  });
});

describe('planning again', () => {
  it('replaces the plan whole and keeps why a schema could not be planned', async () => {
    await plan(schemaOf('a', 4), schemaOf('b', 1));
    const failed = { schemaId: 'b', position: 1, message: 'The table is gone.' };
    await replacePlan(
      store.db,
      { id: executionId, organizationId },
      { planned: [schemaOf('a', 1, { generation: 2 })], failed: [failed], skipped: [] },
    );
    expect(await findRunSchema(store.db, executionId, 'b')).toMatchObject({
      status: 'failed',
      statusMessage: 'The table is gone.',
    });
    expect(await workOff()).toEqual(['a prepare 0', 'a read 1', 'a finish 2']);
  });

  it('writes more segments than one statement holds', async () => {
    await plan(schemaOf('a', 12_000));
    expect(await listReads(store.db, executionId, 'a', 1)).toHaveLength(12_000);
  });
});

describe('the end of a schema', () => {
  const receipt = { schemaId: 'a', verdict: 'equal' } as Parameters<typeof completeSchema>[1]['receipt']; // stored as it is

  async function claimEnd(): Promise<WorkItem> {
    await plan(schemaOf('a', 1));
    for (const _ of ['prepare', 'read']) await finishItem(store.db, (await claim()) as WorkItem, workerId, null);
    return (await claim()) as WorkItem;
  }

  function complete(item: WorkItem, recordCount = 3): Promise<boolean> {
    return completeSchema(store, {
      item,
      workerId,
      outcome: null,
      syncId,
      receipt,
      recordCount,
      errorCount: 0,
      warningCount: 0,
      nextCursor: { version: 1, at: 'x' },
      shape: [['id', 'id', 'bigint']],
    });
  }

  function setGeneration(generation: number) {
    return store.db.updateTable('bulkSyncSchemas').set({ generation }).where('syncId', '=', syncId).execute();
  }

  it('leaves no cursor when the sync was moved to another source or table meanwhile', async () => {
    const item = await claimEnd();
    await setGeneration(item.generation + 1);
    expect(await complete(item)).toBe(true);
    const selection = store.db.selectFrom('bulkSyncSchemas').select('cursor').where('syncId', '=', syncId);
    expect(await selection.execute()).toContainEqual({ cursor: null });
  });

  it('stores status, receipt and what the next execution starts from', async () => {
    const item = await claimEnd();
    await setGeneration(item.generation);
    expect(await complete(item)).toBe(true);
    const schema = await findRunSchema(store.db, executionId, 'a');
    expect(schema).toMatchObject({ status: 'completed', receipt, recordCount: '3' });
    const selection = await store.db
      .selectFrom('bulkSyncSchemas')
      .select(['cursor', 'loadedShape'])
      .where('syncId', '=', syncId)
      .where('schemaId', '=', 'a')
      .executeTakeFirstOrThrow();
    expect(selection).toEqual({ cursor: { version: 1, at: 'x' }, loadedShape: [['id', 'id', 'bigint']] });
  });

  it('stores nothing for an owner that was replaced meanwhile', async () => {
    const old = await claimEnd();
    const present = (await claim()) as WorkItem;
    expect(await complete(old, 99)).toBe(false);
    expect(await findRunSchema(store.db, executionId, 'a')).toMatchObject({ status: 'scheduled', recordCount: '0' });
    expect(await complete(present)).toBe(true);
  });

  it('is final', async () => {
    await complete(await claimEnd());
    await setSchemaStatus(store.db, executionId, 'a', 'canceled');
    expect(await findRunSchema(store.db, executionId, 'a')).toMatchObject({ status: 'completed' });
  });
});
