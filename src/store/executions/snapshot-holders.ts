import type { StoreDatabase } from '../database.ts';

/** A worker that holds an execution's source image, and the reference by which its session shares it. */
export interface SnapshotHolding {
  readonly executionId: string;
  readonly epoch: number;
  readonly workerId: string;
  /** The engine's own; it converts. */
  readonly snapshot: unknown;
}

export async function addSnapshotHolder(db: StoreDatabase, { snapshot, ...holding }: SnapshotHolding): Promise<void> {
  const text = JSON.stringify(snapshot);
  await db
    .insertInto('snapshotHolders')
    .values({ ...holding, snapshot: text })
    .onConflict((conflict) => conflict.columns(['executionId', 'epoch', 'workerId']).doUpdateSet({ snapshot: text }))
    .execute();
}

/** A living worker that holds the image; null when there is none left. */
export async function findSnapshotHolder(
  db: StoreDatabase,
  executionId: string,
  epoch: number,
): Promise<Pick<SnapshotHolding, 'workerId' | 'snapshot'> | null> {
  const row = await db
    .selectFrom('snapshotHolders')
    .innerJoin('workers', 'workers.id', 'snapshotHolders.workerId')
    .select(['snapshotHolders.workerId', 'snapshotHolders.snapshot'])
    .where('executionId', '=', executionId)
    .where('epoch', '=', epoch)
    .where('workers.deadAt', 'is', null)
    .orderBy('snapshotHolders.workerId')
    .limit(1)
    .executeTakeFirst();
  return row ?? null;
}

/** For a session that is gone while its worker lives. */
export async function removeSnapshotHolder(
  db: StoreDatabase,
  { executionId, epoch, workerId }: Omit<SnapshotHolding, 'snapshot'>,
): Promise<void> {
  await db
    .deleteFrom('snapshotHolders')
    .where('executionId', '=', executionId)
    .where('epoch', '=', epoch)
    .where('workerId', '=', workerId)
    .execute();
}
