import { type Insertable, type RawBuilder, type Selectable, sql } from 'kysely';
import type { StoreDatabase } from '../database.ts';
import { longestDue } from '../due-rows.ts';
import type { Database } from '../tables.ts';
import { toStorableJson } from './storable-json.ts';

/** One request that is answered later. */
export type JobRecord = Selectable<Database['jobs']>;

export type NewJob = Pick<
  Insertable<Database['jobs']>,
  'id' | 'organizationId' | 'type' | 'caller' | 'authorId' | 'authorType' | 'input'
>;

/** What one taker of a job holds; `takings` tells it from those before and after. */
export type TakenJob = Pick<JobRecord, 'id' | 'takings'>;

/** How a job ended, and how long that is kept. */
export interface JobEnd {
  /** JSON; absent when it failed. */
  readonly result?: unknown;
  /** For the user; absent when it succeeded. */
  readonly error?: string;
  readonly keepSeconds: number;
}

/** A taker that has not been heard of for so long is dead. */
const LEASE_SECONDS = 15;
const LEASE = inSeconds(LEASE_SECONDS);

/** Asks for the work, which is durable from the commit on. */
export async function insertJob(db: StoreDatabase, job: NewJob): Promise<JobRecord> {
  return db.insertInto('jobs').values(job).returningAll().executeTakeFirstOrThrow();
}

/** One job of the organization. */
export function findJob(db: StoreDatabase, organizationId: string, id: string): Promise<JobRecord | undefined> {
  return db
    .selectFrom('jobs')
    .selectAll()
    .where('organizationId', '=', organizationId)
    .where('id', '=', id)
    .executeTakeFirst();
}

/** How many jobs of the organization wait or run. */
export async function countOpenJobs(db: StoreDatabase, organizationId: string): Promise<number> {
  const { open } = await db
    .selectFrom('jobs')
    .select(sql<number>`count(*)::int`.as('open'))
    .where('organizationId', '=', organizationId)
    .where('finishedAt', 'is', null)
    .executeTakeFirstOrThrow();
  return open;
}

/** Takes the job that has waited longest, new or left by a dead taker; undefined when there is none. */
export function takeJob(db: StoreDatabase): Promise<JobRecord | undefined> {
  return db
    .updateTable('jobs')
    .set({ status: 'running', freeAt: LEASE, takings: sql<number>`takings + 1`, attempts: sql<number>`attempts + 1` })
    .where('id', '=', longestDue('jobs'))
    .returningAll()
    .executeTakeFirst();
}

/** Says that the taker lives. False = the job is another's by now, or gone. */
export async function holdJob(db: StoreDatabase, job: TakenJob): Promise<boolean> {
  const result = await updateTaken(db, job).set({ freeAt: LEASE }).executeTakeFirst();
  return result.numUpdatedRows > 0n;
}

/**
 * Gives leases that lie farther ahead than any can, from a clock that was set back since, the length of one from now: who
 * lives has renewed its own before that.
 */
export async function shortenLeases(db: StoreDatabase): Promise<void> {
  await db
    .updateTable('jobs')
    .set({ freeAt: LEASE })
    .where('finishedAt', 'is', null)
    .where('freeAt', '>', inSeconds(2 * LEASE_SECONDS))
    .execute();
}

/** Gives a job back unfinished, as if it had not been taken. */
export async function releaseJob(db: StoreDatabase, job: TakenJob): Promise<void> {
  await updateTaken(db, job)
    .set({ freeAt: sql<Date>`clock_timestamp()`, attempts: sql<number>`attempts - 1` })
    .execute();
}

/** Ends a job. False = it is another's by now, or gone; then nothing is written. */
export async function finishJob(db: StoreDatabase, job: TakenJob, end: JobEnd): Promise<boolean> {
  const result = await updateTaken(db, job)
    .set({
      status: end.error === undefined ? 'done' : 'failed',
      result: end.error === undefined ? toStorableJson(end.result ?? null) : null,
      error: end.error ?? null,
      input: '{}',
      finishedAt: sql<Date>`clock_timestamp()`,
      expiresAt: inSeconds(end.keepSeconds),
    })
    .executeTakeFirst();
  return result.numUpdatedRows > 0n;
}

function inSeconds(seconds: number): RawBuilder<Date> {
  return sql<Date>`clock_timestamp() + ${seconds} * interval '1 second'`;
}

function updateTaken(db: StoreDatabase, { id, takings }: TakenJob) {
  return db.updateTable('jobs').where('id', '=', id).where('takings', '=', takings).where('finishedAt', 'is', null);
}

/** Removes up to `limit` jobs whose time is over. Returns their number. */
export async function removeExpiredJobs(db: StoreDatabase, limit: number): Promise<number> {
  const result = await db
    .deleteFrom('jobs')
    .where('id', 'in', (select) =>
      select.selectFrom('jobs').select('id').where('expiresAt', '<=', sql<Date>`clock_timestamp()`).limit(limit),
    )
    .executeTakeFirst();
  return Number(result.numDeletedRows);
}
