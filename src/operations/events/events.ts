import { type EventPosition, type EventQuery, type EventRecord, listEvents as listRecords } from '../../store/index.ts';
import type { Context } from '../context.ts';
import { authorize, readableBy } from '../permissions/authorize.ts';
import { refuseField } from '../refusals.ts';

/** One event of the organization. */
export type Event = EventRecord;

/** Every type that the API knows. Those of model syncs come as soon as model syncs run. */
export const EVENT_TYPES = [
  'bulk_sync.canceled',
  'bulk_sync.completed',
  'bulk_sync.completed_with_error',
  'bulk_sync.failed',
  'bulk_sync.running',
  'sync.canceled',
  'sync.completed',
  'sync.completed_with_errors',
  'sync.failed',
  'sync.running',
] as const;

const DEFAULT_PAGE = 10;
const MAX_PAGE = 100;

/**
 * One page of what happened in the last 48 hours to syncs that the caller may read, newest first.
 * @param page `limit` null or below 1 means 10, above 100 means 100
 * @throws `REQUEST_REFUSED` for another organization than the caller's
 */
export async function listEvents(
  context: Context,
  page: Omit<EventQuery, 'limit' | 'readableBy'> & {
    readonly limit: number | null;
    readonly organizationId: string | null;
  },
): Promise<{ readonly events: readonly Event[]; readonly next: EventPosition | null }> {
  await authorize(context, 'read', { kind: 'organization' });
  const { organizationId: named, limit: asked, ...query } = page;
  const { store, caller } = context;
  if (named !== null && named !== caller.organizationId)
    throw refuseField('organization_id', 'the key acts in another organization; leave it out');
  const limit = asked === null || asked <= 0 ? DEFAULT_PAGE : Math.min(asked, MAX_PAGE);
  const readable = await readableBy(context, 'bulk_sync');
  const filter = { ...query, limit, readableBy: readable };
  const { records, next } = await listRecords(store.db, caller.organizationId, filter);
  return { events: records, next };
}
