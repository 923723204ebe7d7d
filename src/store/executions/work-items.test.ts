import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sql } from 'kysely';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../../tests/setup/databases.ts';
import { openStore, type Store } from '../database.ts';
import {
  completeSchema,
  findRunSchema,
  nextGenerations,
  type PlannedSchema,
  replacePlan,
  restartSchema,
  setSchemaStatus,
} from './run-schemas.ts';
import {
  claimItem,
  finishItem,
  hasItemsOfDead,
  hasOpenItems,
  listLostSchemas,
  listReads,
  reclaimItem,
  saveProgress,
  saveRejects,
  type WorkItem,
} from './work-items.ts';
import { beat, buryWorkers, listDeadWorkers, registerWorker, retireWorker } from './workers.ts';

let database: TestDatabase;
let store: Store;
let home: string;
let organizationId: string;

beforeAll(async () => {
  database = await createTestDatabase();
  home = mkdtempSync(join(tmpdir(), 'millrace-work-items-'));
  store = await openStore({ url: database.url, masterKey: { environment: null, file: join(home, 'master.key') } });
  organizationId = randomUUID();
  await store.db.insertInto('organizations').values({ id: organizationId, name: 'Test' }).execute();
});

afterAll(async () => {
  await store.close();
  await database[Symbol.asyncDispose]();
  rmSync(home, { recursive: true });
});

let syncId: string;
let executionId: string;
let workerId: string;

beforeEach(async () => {
  syncId = randomUUID();
  executionId = randomUUID();
  workerId = await addWorker();
  const actor = { createdByType: 'system', updatedByType: 'system' } as const;
  const connectionId = randomUUID();
  await store.db
    .insertInto('connections')
    .values({
      id: connectionId,
      organizationId,
      name: connectionId,
      type: 'memory',
      configuration: '{}',
      status: 'healthy',
      ...actor,
    })
    .execute();
  await store.db
    .insertInto('bulkSyncs')
    .values({
      id: syncId,
      organizationId,
      name: 'sync',
      mode: 'replicate',
      sourceConnectionId: connectionId,
      destinationConnectionId: connectionId,
      destinationConfiguration: '{}',
      automaticallyAddNewFields: 'all',
      automaticallyAddNewObjects: 'none',
      normalizeNames: 'enabled',
      ...actor,
    })
    .execute();
  for (const schemaId of ['a', 'b']) {
    await store.db.insertInto('bulkSyncSchemas').values({ syncId, schemaId, organizationId, enabled: true }).execute();
  }
  await store.db
    .insertInto('executions')
    .values({ id: executionId, syncId, organizationId, status: 'running', createdByType: 'system' })
    .execute();
});

async function addWorker(): Promise<string> {
  const id = randomUUID();
  await registerWorker(store.db, { id, host: 'here', pid: 1, build: 'test' });
  return id;
}

function schemaOf(schemaId: string, reads: number, changes: Partial<PlannedSchema> = {}): PlannedSchema {
  return {
    schemaId,
    position: schemaId === 'a' ? 0 : 1,
    outputName: schemaId,
    plan: { of: schemaId },
    generation: 1,
    snapshotEpoch: 1,
    estimatedRecords: null,
    estimatedBytes: null,
    ranges: Array.from({ length: reads }, (_, index) => ({ part: index + 1 })),
    ...changes,
  };
}

function plan(...schemas: readonly PlannedSchema[]): Promise<void> {
  return replacePlan(store.db, { id: executionId, organizationId }, { planned: schemas, failed: [], skipped: [] });
}

const claim = (laneId = 'lane-1', by = workerId) => claimItem(store.db, { executionId, laneId, workerId: by });
const nameOf = (item: WorkItem | null) => (item === null ? null : `${item.schemaId} ${item.kind} ${item.no}`);

/** Claims and finishes until nothing is left for this lane. */
async function workOff(laneId = 'lane-1'): Promise<(string | null)[]> {
  const names: (string | null)[] = [];
  for (let item = await claim(laneId); item !== null; item = await claim(laneId)) {
    names.push(nameOf(item));
    expect(await finishItem(store.db, item, workerId, null)).toBe(true);
  }
  return names;
}

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
    expect(await beat(store.db, workerId)).toBe(false);
  });

  it('is one whose heartbeat is too old; the one who asks is spared', async () => {
    const silent = await addWorker();
    await store.db
      .updateTable('workers')
      .set({ heartbeatAt: sql`now() - interval '1 minute'` })
      .where('id', 'in', [silent, workerId])
      .execute();
    const lively = await addWorker();
    await buryWorkers(store.db, workerId, 10_000);
    const dead = await listDeadWorkers(store.db);
    expect([dead.includes(silent), dead.includes(workerId), dead.includes(lively)]).toEqual([true, false, false]);
  });

  it('is everybody else where a process is alone', async () => {
    const other = await addWorker();
    await buryWorkers(store.db, workerId, -1);
    expect([await beat(store.db, other), await beat(store.db, workerId)]).toEqual([false, true]);
  });
});

describe('a schema that is begun again', () => {
  it('forgets segments, outcomes and rejects of the lost generation', async () => {
    await plan(schemaOf('a', 2), schemaOf('b', 1));
    await finishItem(store.db, (await claim()) as WorkItem, workerId, null);
    const read = (await claim()) as WorkItem;
    await saveRejects(store.db, organizationId, read, [{ key: { id: '1' }, reason: 'too odd' }]);
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
    const rejects = await store.db.selectFrom('rejects').selectAll().where('executionId', '=', executionId).execute();
    expect(rejects).toEqual([]);
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
    const first = (await nextGenerations(store.db, syncId, ['a'])).get('a') ?? 0;
    expect(await nextGenerations(store.db, syncId, ['a', 'b', 'unknown'])).toEqual(
      new Map([
        ['a', first + 1],
        ['b', first],
      ]),
    );
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

describe('rejects', () => {
  it('are stored once though they are saved again after a crash', async () => {
    await plan(schemaOf('a', 1));
    const item = (await claim()) as WorkItem;
    const rejects = Array.from({ length: 2_500 }, (_, id) => ({ key: { id: String(id) }, reason: 'too odd' }));
    await saveRejects(store.db, organizationId, item, rejects);
    await saveRejects(store.db, organizationId, item, rejects);
    const rows = await store.db.selectFrom('rejects').select('key').where('executionId', '=', executionId).execute();
    expect(rows).toHaveLength(2_500);
  });
});
