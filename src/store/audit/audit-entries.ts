import type { Insertable, Selectable } from 'kysely';
import { nextMillisecond } from '../columns.ts';
import type { StoreDatabase } from '../database.ts';
import type { AuditEntriesTable } from './tables.ts';

/** One change of one object. */
export type AuditRecord = Selectable<AuditEntriesTable>;

/** Stores one change, and returns the entry's id. Call in the transaction that makes it. */
export async function insertAuditEntry(
  db: StoreDatabase,
  entry: Omit<Insertable<AuditEntriesTable>, 'id' | 'createdAt'>,
): Promise<string> {
  const { id } = await db.insertInto('auditEntries').values(entry).returning('id').executeTakeFirstOrThrow();
  return id;
}

/** Replaces what an entry says of the outcome, for what can only be noted before it happens. */
export async function completeAuditEntry(
  db: StoreDatabase,
  organizationId: string,
  id: string,
  after: string | null,
): Promise<void> {
  await db
    .updateTable('auditEntries')
    .set({ after })
    .where('organizationId', '=', organizationId)
    .where('id', '=', id)
    .execute();
}

/** What to list; null = whatever it is. */
export interface AuditQuery {
  readonly objectType: string | null;
  readonly objectId: string | null;
  readonly actorId: string | null;
  /** Both bounds are left out themselves. */
  readonly after: Date | null;
  readonly before: Date | null;
  readonly limit: number;
  /** Id of the last entry of the page before. */
  readonly position: string | null;
}

/** Newest first. */
export async function listAuditEntries(
  db: StoreDatabase,
  organizationId: string,
  query: AuditQuery,
): Promise<{ readonly records: readonly AuditRecord[]; readonly hasMore: boolean }> {
  let select = db.selectFrom('auditEntries').selectAll().where('organizationId', '=', organizationId);
  if (query.objectType !== null) select = select.where('objectType', '=', query.objectType);
  if (query.objectId !== null) select = select.where('objectId', '=', query.objectId);
  if (query.actorId !== null) select = select.where('actorId', '=', query.actorId);
  if (query.after !== null) select = select.where('createdAt', '>=', nextMillisecond(query.after));
  if (query.before !== null) select = select.where('createdAt', '<', query.before);
  if (query.position !== null) select = select.where('id', '<', query.position);
  const rows = await select
    .orderBy('id', 'desc')
    .limit(query.limit + 1)
    .execute();
  return { records: rows.slice(0, query.limit), hasMore: rows.length > query.limit };
}
