import { sql } from 'kysely';
import type { StoreDatabase } from '../database.ts';

export interface WorkerRow {
  readonly id: string;
  readonly host: string;
  readonly pid: number;
  readonly build: string;
}

export async function registerWorker(db: StoreDatabase, worker: WorkerRow): Promise<void> {
  await db.insertInto('workers').values(worker).execute();
}

/** False when this worker was declared dead: dead is final, the process must end. */
export async function beat(db: StoreDatabase, workerId: string): Promise<boolean> {
  const result = await db
    .updateTable('workers')
    .set({ heartbeatAt: sql`now()` })
    .where('id', '=', workerId)
    .where('deadAt', 'is', null)
    .executeTakeFirst();
  return result.numUpdatedRows === 1n;
}

/** Declares workers dead whose last heartbeat is older than `silentMs`; the given one is spared. */
export async function buryWorkers(db: StoreDatabase, besides: string, silentMs: number): Promise<void> {
  await db
    .updateTable('workers')
    .set({ deadAt: sql`now()` })
    .where('id', '<>', besides)
    .where('deadAt', 'is', null)
    .where('heartbeatAt', '<', sql<Date>`now() - make_interval(secs => ${silentMs / 1_000})`)
    .execute();
}

/** Workers that died in the last days; older ones have nothing left to resume. */
export async function listDeadWorkers(db: StoreDatabase): Promise<readonly string[]> {
  const rows = await db
    .selectFrom('workers')
    .select('id')
    .where('deadAt', '>', sql<Date>`now() - interval '30 days'`)
    .orderBy('deadAt', 'desc')
    .limit(1_000)
    .execute();
  return rows.map((row) => row.id);
}

/** The worker's own farewell at an orderly end. */
export async function retireWorker(db: StoreDatabase, workerId: string): Promise<void> {
  await db
    .updateTable('workers')
    .set({ deadAt: sql`now()` })
    .where('id', '=', workerId)
    .where('deadAt', 'is', null)
    .execute();
}
