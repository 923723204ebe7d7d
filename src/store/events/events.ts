import { type Selectable, sql } from 'kysely';
import type { ExecutionStatus } from '../../core/index.ts';
import { VERIFICATION } from '../../core/index.ts';
import { fromMicroseconds, nextMillisecond, toMicroseconds } from '../columns.ts';
import type { StoreDatabase } from '../database.ts';
import { insertMails, listErrorSubscribers } from '../mails/mails.ts';
import type { EventPayload, EventsTable } from './tables.ts';

/** One event as stored. */
export type EventRecord = Selectable<EventsTable>;

/** Which event a status is; the others are none. */
const TYPE_OF: Readonly<Partial<Record<ExecutionStatus, string>>> = {
  running: 'bulk_sync.running',
  completed: 'bulk_sync.completed',
  canceled: 'bulk_sync.canceled',
  failed: 'bulk_sync.failed',
  interrupted: 'bulk_sync.failed',
  errors: 'bulk_sync.completed_with_error',
};
const WITHOUT_REASON = 'The execution ended without a reason given; its console log may tell more.';
/** Events that tell how the execution came about. */
const ENDED = ['bulk_sync.completed', 'bulk_sync.failed', 'bulk_sync.completed_with_error'];

/**
 * Tells everybody that an execution has a new status: an event, its delivery to the organization's webhook, and e-mails
 * when it failed. Call in the transaction that sets the status, once per change. A comparison is no run of a sync.
 */
export async function announceExecution(
  db: StoreDatabase,
  executionId: string,
  status: ExecutionStatus,
): Promise<void> {
  const type = TYPE_OF[status];
  if (type === undefined) return;
  const execution = await db
    .selectFrom('executions')
    .innerJoin('bulkSyncs', 'bulkSyncs.id', 'executions.syncId')
    .select(['executions.organizationId', 'executions.type', 'executions.statusMessage', 'executions.syncId'])
    .select('executions.isTest')
    .select(['bulkSyncs.name', 'bulkSyncs.sourceConnectionId', 'bulkSyncs.destinationConnectionId'])
    .where('executions.id', '=', executionId)
    .executeTakeFirst();
  if (execution === undefined || execution.type === VERIFICATION) return;
  const payload: EventPayload = {
    organization_id: execution.organizationId,
    sync_id: execution.syncId,
    sync_name: execution.name,
    execution_id: executionId,
    source_connection_id: execution.sourceConnectionId,
    destination_connection_id: execution.destinationConnectionId,
    ...(ENDED.includes(type) ? { trigger_source: execution.type } : {}),
    ...(type === 'bulk_sync.failed' ? { error: execution.statusMessage ?? WITHOUT_REASON } : {}),
  };
  await insertEvent(db, execution.organizationId, type, payload);
  // Who tries something waits for the answer.
  if (execution.isTest || (type !== 'bulk_sync.failed' && type !== 'bulk_sync.completed_with_error')) return;
  await mailSubscribers(db, execution.organizationId, executionId, { ...payload, status }, execution.statusMessage);
}

/** With its delivery, where the organization has a webhook that is enabled. */
async function insertEvent(
  db: StoreDatabase,
  organizationId: string,
  type: string,
  payload: EventPayload,
): Promise<void> {
  const { id } = await db
    .insertInto('events')
    .values({ organizationId, type, payload: JSON.stringify(payload) })
    .returning('id')
    .executeTakeFirstOrThrow();
  await db
    .insertInto('webhookDeliveries')
    .columns(['organizationId', 'webhookId', 'eventId'])
    .expression((from) =>
      from
        .selectFrom('webhooks')
        .select(['webhooks.organizationId', 'webhooks.id', sql<string>`${id}::uuid`.as('eventId')])
        .where('webhooks.organizationId', '=', organizationId)
        .where('webhooks.disabled', '=', false),
    )
    .execute();
}

/** Names that one mail tells; the rest are counted. */
const MAX_NAMES = 10;

async function mailSubscribers(
  db: StoreDatabase,
  organizationId: string,
  executionId: string,
  payload: EventPayload,
  statusMessage: string | null,
): Promise<void> {
  const recipients = await listErrorSubscribers(db, organizationId);
  if (recipients.length === 0) return;
  const schemas = await db
    .selectFrom('executionSchemas')
    .select(['schemaId', 'status', 'errorCount'])
    .where('executionId', '=', executionId)
    .where((eb) => eb.or([eb('status', '<>', 'completed'), eb('errorCount', '>', '0')]))
    .orderBy('position')
    .execute();
  const failed = schemas.filter(({ status }) => status !== 'completed').map(({ schemaId }) => schemaId);
  const facts = {
    ...payload,
    status_message: statusMessage,
    failed_count: failed.length,
    failed_schemas: failed.slice(0, MAX_NAMES).join(', '),
    rejected_records: schemas.reduce((sum, { errorCount }) => sum + Number(errorCount), 0),
  };
  await insertMails(
    db,
    recipients.map((recipient) => ({ organizationId, recipient, template: 'execution_failed', facts })),
  );
}

/** Where a page of events ended. */
export interface EventPosition {
  /** Microseconds since 1970, in digits. */
  readonly time: string;
  readonly id: string;
}

/** What to list; null = whatever it is. */
export interface EventQuery {
  readonly type: string | null;
  /** Both bounds are left out themselves. */
  readonly after: Date | null;
  readonly before: Date | null;
  /** Only of syncs on which one of these policies hangs. */
  readonly readableBy: readonly string[] | null;
  readonly limit: number;
  readonly position: EventPosition | null;
}

/** Events are kept that long. */
const KEPT = sql`interval '48 hours'`;

/** Newest first, of the last 48 hours. */
export async function listEvents(
  db: StoreDatabase,
  organizationId: string,
  query: EventQuery,
): Promise<{ readonly records: readonly EventRecord[]; readonly next: EventPosition | null }> {
  let select = db
    .selectFrom('events')
    .selectAll()
    .select(toMicroseconds(sql.ref('created_at')).as('time'))
    .where('organizationId', '=', organizationId)
    .where('createdAt', '>', sql<Date>`now() - ${KEPT}`);
  if (query.type !== null) select = select.where('type', '=', query.type);
  if (query.after !== null) select = select.where('createdAt', '>=', nextMillisecond(query.after));
  if (query.before !== null) select = select.where('createdAt', '<', query.before);
  if (query.readableBy !== null)
    select = select.where(sql<boolean>`EXISTS (SELECT FROM bulk_syncs b WHERE b.id = (payload->>'sync_id')::uuid
      AND b.organization_id = events.organization_id AND b.policies && ${[...query.readableBy]}::uuid[])`);
  if (query.position !== null) {
    const { time, id } = query.position;
    select = select.where(sql<boolean>`(created_at, id) < (${fromMicroseconds(time)}, ${id}::uuid)`);
  }
  const rows = await select
    .orderBy('createdAt', 'desc')
    .orderBy('id', 'desc')
    .limit(query.limit + 1)
    .execute();
  const page = rows.slice(0, query.limit);
  const last = page.at(-1);
  return {
    records: page.map(({ time: _, ...record }) => record),
    next: rows.length > query.limit && last !== undefined ? { time: last.time, id: last.id } : null,
  };
}

/** Removes events that are too old, with what was delivered of them. @returns how many */
export async function removeOldEvents(db: StoreDatabase, limit: number): Promise<number> {
  const result = await db
    .deleteFrom('events')
    .where('id', 'in', (from) =>
      from
        .selectFrom('events')
        .select('id')
        .where('createdAt', '<', sql<Date>`now() - ${KEPT}`)
        .orderBy('createdAt')
        .limit(limit),
    )
    .executeTakeFirst();
  return Number(result.numDeletedRows);
}
