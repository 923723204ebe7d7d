import type { SchemaOverrides } from '../../core/index.ts';
import type { BulkSyncRecord, ScheduleSettings, StoreDatabase } from '../../store/index.ts';
import type { Context } from '../context.ts';
import { recordAudit } from './record.ts';

/** Of a bulk sync's view what is noted. */
interface AuditedSync {
  readonly record: BulkSyncRecord;
  readonly defaultSchedule: { readonly settings: ScheduleSettings };
  readonly additionalSchedules: readonly { readonly id: string; readonly settings: ScheduleSettings }[];
}

/** Remembers that the options or schedules of a bulk sync were made, changed or deleted. */
export async function auditBulkSync(
  db: StoreDatabase,
  context: Context,
  action: 'create' | 'update' | 'delete',
  { before, after }: { readonly before: AuditedSync | null; readonly after: AuditedSync | null },
): Promise<void> {
  const view = after ?? before;
  if (view === null) return;
  await recordAudit(db, context, {
    action,
    object: { type: 'bulk_sync', id: view.record.id, name: view.record.name },
    before: before === null ? null : toAuditedSync(before),
    after: after === null ? null : toAuditedSync(after),
  });
}

function toAuditedSync({ record, defaultSchedule, additionalSchedules }: AuditedSync) {
  const {
    id: _id,
    organizationId: _organization,
    createdAt: _at,
    createdBy: _by,
    createdByType: _type,
    ...options
  } = record;
  return {
    ...options,
    defaultSchedule: defaultSchedule.settings,
    additionalSchedules: additionalSchedules.map(({ id, settings }) => ({ id, ...settings })),
  };
}

/** Remembers something that was done with a bulk sync, or a change of a part of it. */
export function auditBulkSyncPart(
  db: StoreDatabase,
  context: Context,
  sync: { readonly id: string; readonly name: string },
  event: { readonly action: string; readonly before: object | null; readonly after: object | null },
): Promise<void> {
  return recordAudit(db, context, { ...event, object: { type: 'bulk_sync', id: sync.id, name: sync.name } });
}

/** Remembers what users say of a schema; examples of fields may be values of records and are left out. */
export function auditOverrides(
  db: StoreDatabase,
  context: Context,
  place: { readonly connectionId: string; readonly schemaId: string },
  { before, after }: { readonly before: SchemaOverrides; readonly after: SchemaOverrides },
): Promise<void> {
  return recordAudit(db, context, {
    action: 'update',
    object: { type: 'schema', id: `${place.connectionId}/${place.schemaId}`, name: place.schemaId },
    before: withoutExamples(before),
    after: withoutExamples(after),
  });
}

function withoutExamples(overrides: SchemaOverrides) {
  return { ...overrides, userFields: overrides.userFields.map(({ example: _, ...field }) => field) };
}
