import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect } from 'vitest';
import {
  claimItem,
  finishItem,
  openStore,
  type PlannedSchema,
  registerWorker,
  replacePlan,
  type Store,
  type StoreDatabase,
  type WorkItem,
} from '../../src/store/index.ts';
import { useDatabase } from './hooks.ts';
import { lateBound } from './late-bound.ts';

/** Ids that are new for each test. */
export interface StoredIds {
  readonly syncId: string;
  readonly executionId: string;
  readonly workerId: string;
}

/** A running execution of a sync of the schemas `a` and `b` in a store, without an engine. */
export interface StoredExecution {
  readonly store: Store;
  /** The same for all tests of the file. */
  readonly organizationId: string;
  ids(): StoredIds;
  addWorker(): Promise<string>;
  plan(...schemas: readonly PlannedSchema[]): Promise<void>;
  claim(laneId?: string, by?: string): ReturnType<typeof claimItem>;
  /** Claims and finishes until nothing is left for this lane, and answers what there was. */
  workOff(laneId?: string): Promise<(string | null)[]>;
}

/** A new one for each test, in one store. */
export function useStoredExecution(): StoredExecution {
  const database = useDatabase();
  const home = mkdtempSync(join(tmpdir(), 'millrace-work-items-'));
  const organizationId = randomUUID();
  let opened: Store | undefined;
  let ids: StoredIds = { syncId: '', executionId: '', workerId: '' };
  const store = lateBound(() => opened);
  beforeAll(async () => {
    const masterKey = { environment: null, file: join(home, 'master.key') };
    opened = await openStore({ url: database.url, masterKey });
    await store.db.insertInto('organizations').values({ id: organizationId, name: 'Test' }).execute();
  });
  afterAll(async () => {
    await opened?.close();
    rmSync(home, { recursive: true });
  });
  const addWorker = async (): Promise<string> => {
    const id = randomUUID();
    await registerWorker(store.db, { id, host: 'here', pid: 1, build: 'test' });
    return id;
  };
  beforeEach(async () => {
    ids = { syncId: randomUUID(), executionId: randomUUID(), workerId: await addWorker() };
    await insertExecution(store, organizationId, ids);
  });
  const claim = (laneId = 'lane-1', by = ids.workerId) =>
    claimItem(store.db, { executionId: ids.executionId, laneId, workerId: by });
  return {
    store,
    organizationId,
    ids: () => ids,
    addWorker,
    plan: (...schemas) =>
      replacePlan(store.db, { id: ids.executionId, organizationId }, { planned: schemas, failed: [], skipped: [] }),
    claim,
    async workOff(laneId = 'lane-1') {
      const names: (string | null)[] = [];
      for (let item = await claim(laneId); item !== null; item = await claim(laneId)) {
        names.push(nameOf(item));
        expect(await finishItem(store.db, item, ids.workerId, null)).toBe(true);
      }
      return names;
    },
  };
}

async function insertExecution(
  store: Store,
  organizationId: string,
  { syncId, executionId }: StoredIds,
): Promise<void> {
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
  await insertSync(store.db, { id: syncId, organizationId, connectionId });
  for (const schemaId of ['a', 'b']) {
    await store.db.insertInto('bulkSyncSchemas').values({ syncId, schemaId, organizationId, enabled: true }).execute();
  }
  await store.db
    .insertInto('executions')
    .values({ id: executionId, syncId, organizationId, status: 'running', createdByType: 'system' })
    .execute();
}

/** Stores a sync from a connection into itself, as the operations never would. */
export async function insertSync(
  db: StoreDatabase,
  {
    id,
    organizationId,
    connectionId,
  }: { readonly id: string; readonly organizationId: string; readonly connectionId: string },
): Promise<void> {
  await db
    .insertInto('bulkSyncs')
    .values({
      id,
      organizationId,
      name: 'Nightly',
      mode: 'replicate',
      sourceConnectionId: connectionId,
      destinationConnectionId: connectionId,
      destinationConfiguration: '{}',
      automaticallyAddNewFields: 'all',
      automaticallyAddNewObjects: 'none',
      normalizeNames: 'enabled',
      createdByType: 'system',
      updatedByType: 'system',
    })
    .execute();
}

/** One schema of a plan, with so many reads. */
export function schemaOf(schemaId: string, reads: number, changes: Partial<PlannedSchema> = {}): PlannedSchema {
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

/** An item for people; null = there was none. */
export function nameOf(item: WorkItem | null): string | null {
  return item === null ? null : `${item.schemaId} ${item.kind} ${item.no}`;
}
