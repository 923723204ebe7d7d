import { type AuditQuery, type AuditRecord, listAuditEntries } from '../../store/index.ts';
import type { Context } from '../context.ts';
import { authorize } from '../permissions/authorize.ts';

/** One change of one object, with the actor's name of then. */
export type AuditEntry = AuditRecord;

const MAX_PAGE = 100;

/**
 * One page of what was changed in the organization, newest first.
 * @param page `limit` outside 1 to 100 means 100
 * @throws `FORBIDDEN` unless the caller is an Admin
 */
export async function listAudit(
  context: Context,
  page: Omit<AuditQuery, 'limit'> & { readonly limit: number | null },
): Promise<{ readonly entries: readonly AuditEntry[]; readonly next: string | null }> {
  // Values of objects that not everybody may read stand in it.
  await authorize(context, 'export', { kind: 'organization' });
  const limit = page.limit === null || page.limit <= 0 ? MAX_PAGE : Math.min(page.limit, MAX_PAGE);
  const { store, caller } = context;
  const { records, hasMore } = await listAuditEntries(store.db, caller.organizationId, { ...page, limit });
  return { entries: records, next: hasMore ? (records.at(-1)?.id ?? null) : null };
}
