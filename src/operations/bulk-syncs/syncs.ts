import { isDeepStrictEqual } from 'node:util';
import { SyncError } from '../../core/index.ts';
import {
  type BulkSyncPosition,
  type BulkSyncRecord,
  deleteBulkSync as deleteRecord,
  findBulkSync,
  forgetCursors,
  insertBulkSync,
  insertBulkSyncSchemas,
  listBulkSyncSchedules,
  listBulkSyncSchemas,
  listBulkSyncs as listRecords,
  lockBulkSync,
  lockConnections,
  requestCancellation,
  type StoreDatabase,
  updateBulkSync as updateRecord,
} from '../../store/index.ts';
import { type Actor, loadActorNames, toActorColumns } from '../actors.ts';
import { auditBulkSync, auditBulkSyncPart } from '../audit/views.ts';
import type { Context } from '../context.ts';
import { authorize, type PolicyAction, readableBy } from '../permissions/authorize.ts';
import { refuseField } from '../refusals.ts';
import { refreshNow } from '../schemas/refresh.ts';
import { type CheckedSync, checkBulkSync, loadSourceSchemas } from './checks.ts';
import type { BulkSyncInput } from './input.ts';
import { rearmSchedules, type ScheduleView, saveSchedules, toScheduleView } from './schedules/schedules.ts';
import { toColumnNaming } from './selection/chosen-names.ts';
import { loadNewSource, refuseMisfits } from './selection/moved-selection.ts';
import { refuseSharedTables } from './selection/output-tables.ts';
import { findSamePlace } from './selection/same-place.ts';
import { resolveSelection, type SchemaSelection } from './selection/selection.ts';

/** One bulk sync as people see it. */
export interface BulkSyncView {
  readonly record: BulkSyncRecord;
  readonly createdBy: Actor;
  readonly updatedBy: Actor;
  readonly defaultSchedule: ScheduleView;
  readonly additionalSchedules: readonly ScheduleView[];
}

const MAX_PAGE = 50;

/** How many are read at once where all are asked for. */
const READ_AT_ONCE = 500;

interface PageRequest {
  readonly limit: number;
  readonly after: BulkSyncPosition | null;
  readonly active: boolean | null;
}

interface Page {
  readonly syncs: readonly BulkSyncView[];
  readonly next: BulkSyncPosition | null;
}

/**
 * One page of the organization's bulk syncs, latest change first.
 * @param page `limit` outside 1 to 50 means 50; `active` null = both
 */
export async function listBulkSyncs(
  context: Context,
  page: Omit<PageRequest, 'limit'> & { readonly limit: number | null },
): Promise<Page> {
  const limit = page.limit === null || page.limit <= 0 ? MAX_PAGE : Math.min(page.limit, MAX_PAGE);
  return readPage(context, { ...page, limit });
}

/** Every bulk sync of the organization, latest change first; `active` null = both. */
export async function listAllBulkSyncs(context: Context, active: boolean | null): Promise<readonly BulkSyncView[]> {
  const all: BulkSyncView[] = [];
  for (let after: BulkSyncPosition | null = null; ; ) {
    const { syncs, next }: Page = await readPage(context, { limit: READ_AT_ONCE, after, active });
    all.push(...syncs);
    if (next === null) return all;
    after = next;
  }
}

async function readPage(context: Context, page: PageRequest): Promise<Page> {
  const { db } = context.store;
  const readable = await readableBy(context, 'bulk_sync');
  const { records, hasMore } = await listRecords(db, context.caller.organizationId, { ...page, readable });
  return { syncs: await toViews(context, db, records), next: hasMore ? (records.at(-1)?.position ?? null) : null };
}

/**
 * One bulk sync.
 * @param refreshSchemas reads the source's schemas again first and waits for it, at most a minute
 * @throws `NOT_FOUND`; of the refresh `CONNECTION_UNHEALTHY`, `SCHEMA_CACHE_NOT_READY`
 */
export async function getBulkSync(
  context: Context,
  id: string,
  { refreshSchemas }: { readonly refreshSchemas: boolean } = { refreshSchemas: false },
): Promise<BulkSyncView> {
  const record = await requireBulkSync(context, id);
  if (refreshSchemas) await refreshNow(context, record.sourceConnectionId);
  return viewOf(context, context.store.db, record);
}

/** The stored sync, when it is one of the caller's organization that the caller may read. @throws `NOT_FOUND`, `FORBIDDEN` */
export async function requireBulkSync(
  context: Context,
  id: string,
  db: StoreDatabase = context.store.db,
): Promise<BulkSyncRecord> {
  const record = await findBulkSync(db, context.caller.organizationId, id);
  if (record === undefined) throw new SyncError('NOT_FOUND', `There is no bulk sync ${id}.`);
  await authorize(context, 'read', { kind: 'bulk_sync', policies: record.policies });
  return record;
}

/** The same, for something else that the caller may do with it. @throws `NOT_FOUND`, `FORBIDDEN` */
export async function permitBulkSync(context: Context, id: string, action: PolicyAction): Promise<BulkSyncRecord> {
  const record = await requireBulkSync(context, id);
  await authorize(context, action, { kind: 'bulk_sync', policies: record.policies });
  return record;
}

/**
 * Makes a sync; nothing is stored unless every rule holds. It is not started.
 * @param selection null = every schema that the source has now
 * @throws `REQUEST_REFUSED`, `SCHEMA_CACHE_NOT_READY`, `SCHEMAS_NOT_LOADED`
 */
export async function createBulkSync(
  context: Context,
  input: BulkSyncInput,
  selection: readonly SchemaSelection[] | null,
): Promise<BulkSyncView> {
  await authorize(context, 'create', { kind: 'bulk_sync' });
  const checked = await checkBulkSync(context, input, null);
  const isEmpty = selection !== null && selection.length === 0;
  const source = isEmpty ? [] : await loadSourceSchemas(context, input.sourceConnectionId);
  const naming = toColumnNaming(context, input.normalizeNames, checked.destination);
  const rules = { supportsTrackingFields: checked.source.supportsTrackingFields, naming };
  const schemas = resolveSelection(selection, source, rules);
  const samePlace = await findSamePlace(context, input.destinationConnectionId);
  const { organizationId } = context.caller;
  const id = context.newId();
  return context.store.transaction(async ({ db }) => {
    await lockBothSides(context, db, input, samePlace);
    const by = toActorColumns(context.caller);
    await insertBulkSync(db, organizationId, {
      ...toColumns(input, checked),
      id,
      createdBy: by.id,
      createdByType: by.type,
      updatedBy: by.id,
      updatedByType: by.type,
    });
    await insertBulkSyncSchemas(db, organizationId, id, schemas);
    await refuseSharedTables(context, db, id, samePlace, checked.destination);
    await saveSchedules(context, db, id, input, new Set(schemas.map((schema) => schema.schemaId)));
    const made = await viewOf(context, db, await requireBulkSync(context, id, db));
    await auditBulkSync(db, context, 'create', { before: null, after: made });
    return made;
  });
}

/**
 * Replaces every option of a sync but its selection. `active`, schedules and policies act at once, the rest at the
 * next execution. Where reading or writing changes, the next read of every schema is complete.
 * @throws `NOT_FOUND`, `REQUEST_REFUSED`, `SCHEMA_CACHE_NOT_READY`, `SCHEMAS_NOT_LOADED`
 */
export function updateBulkSync(context: Context, id: string, input: BulkSyncInput): Promise<BulkSyncView> {
  return changeBulkSync(context, id, () => input);
}

/**
 * The same for a request that leaves parts of the sync as they are.
 * @param change makes every option of what the sync is now; asked again before anything is written, so it must be pure
 * @throws as {@link updateBulkSync}, and `CHANGED_MEANWHILE` when somebody else changed a part that was to stay
 */
export async function changeBulkSync(
  context: Context,
  id: string,
  change: (current: BulkSyncView) => BulkSyncInput,
): Promise<BulkSyncView> {
  await permitBulkSync(context, id, 'edit');
  const { record: before, ...view } = await getBulkSync(context, id);
  const input = change({ record: before, ...view });
  const schedules = [view.defaultSchedule, ...view.additionalSchedules].map(({ settings }) => settings);
  const checked = await checkBulkSync(context, input, { policies: before.policies, schedules });
  const { organizationId } = context.caller;
  const samePlace = await findSamePlace(context, input.destinationConnectionId);
  const newSource = await loadNewSource(context, before.sourceConnectionId, input.sourceConnectionId);
  return context.store.transaction(async ({ db }) => {
    await lockBothSides(context, db, input, samePlace);
    await refuseChanged(context, db, id, (current) => isDeepStrictEqual(change(current), input));
    const rows = await listBulkSyncSchemas(db, organizationId, id);
    refuseMisfits(rows, newSource, toColumnNaming(context, input.normalizeNames, checked.destination));
    const by = toActorColumns(context.caller);
    const columns = { ...toColumns(input, checked), updatedBy: by.id, updatedByType: by.type };
    await updateRecord(db, organizationId, id, columns);
    await refuseSharedTables(context, db, id, samePlace, checked.destination);
    await saveSchedules(context, db, id, input, new Set(rows.map((row) => row.schemaId)));
    // In the order in which the engine locks them, and a delete: the sync, its executions, its schemas.
    if (before.active && !input.active) await requestCancellation(db, organizationId, { syncId: id });
    if (isMoved(before, { ...input, mode: checked.mode })) await forgetCursors(db, organizationId, { syncId: id });
    const changed = await viewOf(context, db, await requireBulkSync(context, id, db));
    await auditBulkSync(db, context, 'update', { before: { record: before, ...view }, after: changed });
    return changed;
  });
}

/** A connection may be deleted after it was checked. */
async function lockBothSides(
  context: Context,
  db: StoreDatabase,
  { sourceConnectionId, destinationConnectionId }: BulkSyncInput,
  samePlace: ReadonlySet<string>,
): Promise<void> {
  const ids = [sourceConnectionId, destinationConnectionId];
  const found = await lockConnections(db, context.caller.organizationId, [...ids, ...samePlace]);
  for (const [index, id] of ids.entries()) {
    if (found.has(id)) continue;
    throw refuseField(
      index === 0 ? 'source_connection_id' : 'destination_connection_id',
      `there is no connection ${id}`,
    );
  }
}

/** What is left out of a request stays as it is, which is not as it was once somebody else has changed it. */
async function refuseChanged(
  context: Context,
  db: StoreDatabase,
  id: string,
  isAsBefore: (current: BulkSyncView) => boolean,
): Promise<void> {
  await lockBulkSync(db, context.caller.organizationId, id);
  if (isAsBefore(await viewOf(context, db, await requireBulkSync(context, id, db)))) return;
  throw new SyncError(
    'CHANGED_MEANWHILE',
    `The bulk sync ${id} was changed by somebody else at the same time; nothing was changed by this request. Send it again.`,
  );
}

/** True when cursors would belong to another source, or to records in another table. */
function isMoved(before: BulkSyncRecord, input: BulkSyncInput): boolean {
  // Stored, the keys of an object have another order than in the request.
  const place = (sync: BulkSyncRecord | BulkSyncInput) => [
    sync.mode,
    sync.sourceConnectionId,
    sync.sourceConfiguration ?? {},
    sync.destinationConnectionId,
    sync.destinationConfiguration,
    sync.normalizeNames,
  ];
  return !isDeepStrictEqual(place(before), place(input));
}

/** Forgets a sync with its history and asks what runs to stop. What it wrote to the destination stays. @throws `NOT_FOUND` */
export async function deleteBulkSync(context: Context, id: string): Promise<void> {
  await permitBulkSync(context, id, 'delete');
  await context.store.transaction(async ({ db }) => {
    const before = await viewOf(context, db, await requireBulkSync(context, id, db));
    // The engine takes an execution whose row is gone for a cancelled one.
    const isDeleted = await deleteRecord(db, context.caller.organizationId, id);
    if (!isDeleted) throw new SyncError('NOT_FOUND', `There is no bulk sync ${id}.`);
    await auditBulkSync(db, context, 'delete', { before, after: null });
  });
}

/**
 * Switches the schedules of a sync on or off; off also asks what runs to stop. On for an active one changes nothing.
 * @throws `NOT_FOUND`
 */
export async function activateBulkSync(context: Context, id: string, active: boolean): Promise<void> {
  const { organizationId } = context.caller;
  const by = toActorColumns(context.caller);
  await permitBulkSync(context, id, 'edit');
  await context.store.transaction(async ({ db }) => {
    const change = { active, updatedBy: by.id, updatedByType: by.type };
    const before = await requireBulkSync(context, id, db);
    if (!(await updateRecord(db, organizationId, id, change))) await requireBulkSync(context, id, db);
    if (!active || !before.active) await rearmSchedules(context, db, id, active);
    if (!active) await requestCancellation(db, organizationId, { syncId: id });
    const event = { action: active ? 'activate' : 'deactivate', before: { active: before.active }, after: { active } };
    await auditBulkSyncPart(db, context, before, event);
  });
}

function toColumns(input: BulkSyncInput, checked: CheckedSync) {
  const { organizationId, defaultSchedule, additionalSchedules, ...columns } = input;
  return {
    ...columns,
    sourceConfiguration: input.sourceConfiguration === null ? null : JSON.stringify(input.sourceConfiguration),
    destinationConfiguration: JSON.stringify(input.destinationConfiguration),
    mode: checked.mode,
    policies: checked.policies,
  };
}

async function viewOf(context: Context, db: StoreDatabase, record: BulkSyncRecord): Promise<BulkSyncView> {
  const [view] = await toViews(context, db, [record]);
  if (view === undefined) throw new SyncError('INTERNAL', `The bulk sync ${record.id} has no view.`);
  return view;
}

async function toViews(
  context: Context,
  db: StoreDatabase,
  records: readonly BulkSyncRecord[],
): Promise<BulkSyncView[]> {
  const ids = records.map((record) => record.id);
  const schedules = await listBulkSyncSchedules(db, context.caller.organizationId, ids);
  const nameActor = await loadActorNames(context, db);
  return records.map((record) => {
    const [defaultSchedule, ...additionalSchedules] = schedules
      .filter((schedule) => schedule.syncId === record.id)
      .map((schedule) => toScheduleView(schedule, nameActor));
    if (defaultSchedule === undefined) throw new SyncError('INTERNAL', `The bulk sync ${record.id} has no schedule.`);
    return {
      record,
      createdBy: nameActor(record.createdBy, record.createdByType),
      updatedBy: nameActor(record.updatedBy, record.updatedByType),
      defaultSchedule,
      additionalSchedules,
    };
  });
}
