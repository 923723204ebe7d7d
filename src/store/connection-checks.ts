import type { ConnectionRecord } from './connections.ts';
import type { StoreDatabase } from './database.ts';

/** Longer than any check takes: a process that dies in the middle leaves it to the next one. */
const LEASE_MS = 120_000;

/** Takes one connection whose check is due; one process gets it. Undefined when none is. */
export function takeDueCheck(db: StoreDatabase, now: Date): Promise<ConnectionRecord | undefined> {
  return db
    .updateTable('connections')
    .set({ nextCheckAt: new Date(now.getTime() + LEASE_MS) })
    .where('id', '=', (where) =>
      where
        .selectFrom('connections')
        .select('id')
        .where('nextCheckAt', '<=', now)
        .orderBy('nextCheckAt')
        .limit(1)
        .forUpdate()
        .skipLocked(),
    )
    .returningAll()
    .executeTakeFirst();
}

/** What a check found; null = nothing that says how the system is. */
export type Health = Pick<ConnectionRecord, 'status' | 'statusError'> | null;

/** Stores what a check found, unless somebody has changed the connection since, which proved it anew. */
export async function storeCheck(
  db: StoreDatabase,
  checked: ConnectionRecord,
  health: Health,
  times: { readonly checkedAt: Date; readonly nextCheckAt: Date | null },
): Promise<void> {
  await db
    .updateTable('connections')
    .set({ ...health, ...times })
    .where('organizationId', '=', checked.organizationId)
    .where('id', '=', checked.id)
    .where('nextCheckAt', '=', checked.nextCheckAt)
    .execute();
}
