import { sql } from 'kysely';
import { SyncError } from '../../core/index.ts';
import type { StoreDatabase } from '../database.ts';

export interface WorkerRow {
  readonly id: string;
  readonly host: string;
  readonly pid: number;
  readonly build: string;
  readonly roles?: string[];
  /** Steps that it works on at once; 0 = none. */
  readonly lanes?: number;
  /** Lanes that an execution without a limit of its own gets for it. */
  readonly usualLanes?: number;
  /** Number of the workflow protocol that it speaks. */
  readonly protocol?: string;
}

export async function registerWorker(db: StoreDatabase, worker: WorkerRow): Promise<void> {
  await db.insertInto('workers').values(worker).execute();
}

/** The database's time of the beat. Null when this worker was declared dead: dead is final, the process must end. */
export async function beat(db: StoreDatabase, workerId: string): Promise<Date | null> {
  const beaten = await db
    .updateTable('workers')
    .set({ heartbeatAt: sql`now()` })
    .where('id', '=', workerId)
    .where('deadAt', 'is', null)
    .returning('heartbeatAt')
    .executeTakeFirst();
  return beaten?.heartbeatAt ?? null;
}

export interface Silence {
  /** This worker is spared. */
  readonly besides: string;
  /** The database's time as that worker reckons it: the database's clock may have been set a moment ago. */
  readonly now: Date;
  readonly silentMs: number;
}

/** Declares workers dead whose last heartbeat is that far from now, by both clocks: one that lies ahead is of a clock that was set back. */
export async function buryWorkers(db: StoreDatabase, { besides, now, silentMs }: Silence): Promise<void> {
  const silence = sql`make_interval(secs => ${silentMs / 1_000})`;
  await db
    .updateTable('workers')
    .set({ deadAt: sql`now()` })
    .where('id', '<>', besides)
    .where('deadAt', 'is', null)
    .where(
      sql<boolean>`heartbeat_at NOT BETWEEN least(now(), ${now}::timestamptz) - ${silence} AND greatest(now(), ${now}::timestamptz) + ${silence}`,
    )
    .execute();
}

/** Declares everybody else dead, where a process is alone. */
export async function buryOthers(db: StoreDatabase, besides: string): Promise<void> {
  await db
    .updateTable('workers')
    .set({ deadAt: sql`now()` })
    .where('id', '<>', besides)
    .where('deadAt', 'is', null)
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

/** Living workers that take executions of that workflow protocol. */
export async function listTakers(
  db: StoreDatabase,
  protocol: string,
): Promise<readonly { readonly id: string; readonly usualLanes: number }[]> {
  return db
    .selectFrom('workers')
    .select(['id', 'usualLanes'])
    .where('deadAt', 'is', null)
    .where('lanes', '>', 0)
    .where('protocol', '=', protocol)
    .execute();
}

/** True while any process lives that speaks that workflow protocol, also one that takes no executions: workers may come. */
export async function isSpoken(db: StoreDatabase, protocol: string): Promise<boolean> {
  const row = await db
    .selectFrom('workers')
    .select('id')
    .where('deadAt', 'is', null)
    .where('protocol', '=', protocol)
    .limit(1)
    .executeTakeFirst();
  return row !== undefined;
}

/**
 * The second lock on what a dead worker may do: called first in a transaction, it holds off the declaration of death
 * until that has ended.
 * @throws `FENCE_LOST` when this worker was declared dead
 */
export async function requireLiving(db: StoreDatabase, workerId: string): Promise<void> {
  const row = await db
    .selectFrom('workers')
    .select('id')
    .where('id', '=', workerId)
    .where('deadAt', 'is', null)
    .forShare()
    .executeTakeFirst();
  if (row === undefined)
    throw new SyncError('FENCE_LOST', 'This process was declared dead, and its work was taken up elsewhere.');
}
