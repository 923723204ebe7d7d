import { type RawBuilder, sql } from 'kysely';
import type { StoreDatabase } from './database.ts';

/** Work that lies in a table until its moment comes, by the table's name: which rows wait, and the column of that moment. */
const WAITING = {
  jobs: { at: 'freeAt', waits: sql`finished_at IS NULL` },
  webhookDeliveries: { at: 'dueAt', waits: sql`state = 'waiting'` },
  mails: { at: 'dueAt', waits: sql`state = 'waiting'` },
} as const;

/** One kind of work that becomes due. */
export type DueKind = keyof typeof WAITING;

/**
 * Which of these kinds have a row that is due. For loops that ask often: one statement, which looks at the first entry of an
 * index for each kind, and takes nothing.
 */
export async function findDueKinds(db: StoreDatabase, kinds: readonly DueKind[]): Promise<ReadonlySet<DueKind>> {
  const parts = kinds.map((kind) => sql`SELECT ${kind}::text AS kind WHERE EXISTS (SELECT ${whereDue(kind)})`);
  const { rows } = await sql<{ kind: DueKind }>`${sql.join(parts, sql` UNION ALL `)}`.execute(db);
  return new Set(rows.map(({ kind }) => kind));
}

/**
 * Id of the row that has been due longest; none when nothing is due. The row is locked until the transaction ends, and rows
 * that others hold are passed by, so that each is taken by one. Whoever takes it moves its moment behind the end of a lease:
 * it becomes due again when the taker dies.
 */
export function longestDue(kind: DueKind): RawBuilder<string> {
  const at = sql.ref(WAITING[kind].at);
  return sql<string>`(SELECT id ${whereDue(kind)} ORDER BY ${at} LIMIT 1 FOR UPDATE SKIP LOCKED)`;
}

// `now()` and not the clock, which no index could be searched for.
function whereDue(kind: DueKind): RawBuilder<unknown> {
  const { at, waits } = WAITING[kind];
  return sql`FROM ${sql.table(kind)} WHERE ${waits} AND ${sql.ref(at)} <= now()`;
}

/** The moment that is so many milliseconds away from the beginning of the transaction. */
export function fromNow(milliseconds: number): RawBuilder<Date> {
  return sql<Date>`now() + ${milliseconds}::float8 * interval '1 millisecond'`;
}
