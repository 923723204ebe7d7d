import { isDeepStrictEqual } from 'node:util';
import { SyncError } from '../../core/index.ts';
import {
  deleteModelSync as deleteRecord,
  findModelSync,
  insertModelSync,
  listModelSyncs as listRecords,
  lockConnections,
  lockModelSync,
  type ModelSyncPosition,
  type ModelSyncQuery,
  type ModelSyncRecord,
  type StoreDatabase,
  updateModelSync as updateRecord,
} from '../../store/index.ts';
import { type Actor, loadActorNames, toActorColumns } from '../actors.ts';
import { recordAudit } from '../audit/record.ts';
import type { Context } from '../context.ts';
import { authorize, newPolicies, type PolicyAction, readableBy } from '../permissions/authorize.ts';
import { refuseField } from '../refusals.ts';
import { type CheckedModelSync, checkModelSync } from './checks.ts';
import type { ModelSyncInput } from './input.ts';
import { sealPassphrase } from './passphrase.ts';
import { refuseBadChain } from './schedule.ts';

/** One model sync as people see it; without its passphrase. */
export interface ModelSyncView {
  readonly record: Omit<ModelSyncRecord, 'secrets'>;
  readonly createdBy: Actor;
  readonly updatedBy: Actor;
}

/** Which model syncs a list shows; null = all. */
type ModelSyncListFilter = Omit<ModelSyncQuery, 'policies'>;

const MAX_PAGE = 50;

/**
 * One page of the organization's model syncs that the caller may read, latest change first.
 * @param page `limit` outside 1 to 50 means 50
 */
export async function listModelSyncs(
  context: Context,
  page: ModelSyncListFilter & { readonly limit: number | null; readonly after: ModelSyncPosition | null },
): Promise<{ readonly syncs: readonly ModelSyncView[]; readonly next: ModelSyncPosition | null }> {
  const limit = page.limit === null || page.limit <= 0 ? MAX_PAGE : Math.min(page.limit, MAX_PAGE);
  const policies = await readableBy(context, 'sync');
  const { db } = context.store;
  const { records, hasMore } = await listRecords(db, context.caller.organizationId, { ...page, limit, policies });
  return { syncs: await toViews(context, db, records), next: hasMore ? (records.at(-1)?.position ?? null) : null };
}

/** Every model sync of the organization that the caller may read, latest change first. */
export async function listAllModelSyncs(
  context: Context,
  filter: ModelSyncListFilter,
): Promise<readonly ModelSyncView[]> {
  const policies = await readableBy(context, 'sync');
  const { db } = context.store;
  const query = { ...filter, limit: null, after: null, policies };
  const { records } = await listRecords(db, context.caller.organizationId, query);
  return toViews(context, db, records);
}

/** One model sync. @throws `NOT_FOUND`, `FORBIDDEN` */
export async function getModelSync(context: Context, id: string): Promise<ModelSyncView> {
  return viewOf(context, context.store.db, await permitModelSync(context, id, 'read'));
}

/** The stored sync, when the caller may do this with it. @throws `NOT_FOUND`, `FORBIDDEN` */
export async function permitModelSync(
  context: Context,
  id: string,
  action: PolicyAction,
  db: StoreDatabase = context.store.db,
): Promise<ModelSyncRecord> {
  const record = await findModelSync(db, context.caller.organizationId, id);
  if (record === undefined) throw new SyncError('NOT_FOUND', `There is no model sync ${id}.`);
  const object = { kind: 'sync', policies: record.policies } as const;
  await authorize(context, 'read', object);
  if (action !== 'read') await authorize(context, action, object);
  return record;
}

/**
 * Makes a sync, checked against its models and its target as they are now; nothing is stored unless every rule holds.
 * @throws `REQUEST_REFUSED`, `FORBIDDEN`, and what the target's system says
 */
export async function createModelSync(context: Context, input: ModelSyncInput): Promise<ModelSyncView> {
  await authorize(context, 'create', { kind: 'sync' });
  const policies = await newPolicies(context, 'sync', input.policies);
  const checked = await checkModelSync(context, input, null);
  const { organizationId } = context.caller;
  const id = context.newId();
  return context.store.transaction(async ({ db }) => {
    await lockTarget(context, db, input);
    await refuseBadChain(context, db, id, checked.schedule);
    const by = toActorColumns(context.caller);
    await insertModelSync(db, organizationId, {
      ...toColumns(input, checked),
      id,
      policies,
      secrets: sealPassphrase(context, id, input.encryptionPassphrase, null),
      createdBy: by.id,
      createdByType: by.type,
      updatedBy: by.id,
      updatedByType: by.type,
    });
    const view = await viewOf(context, db, await permitModelSync(context, id, 'read', db));
    await recordChange(context, db, 'create', null, view.record);
    return view;
  });
}

/** Replaces every option of a sync, but for a passphrase that is not sent. @throws as {@link createModelSync}, and `NOT_FOUND` */
export function updateModelSync(context: Context, id: string, input: ModelSyncInput): Promise<ModelSyncView> {
  return changeModelSync(context, id, () => input);
}

/**
 * The same for a request that leaves parts of the sync as they are.
 * @param change makes every option of what the sync is now; asked again before anything is written, so it must be pure
 * @throws as {@link updateModelSync}, and `CHANGED_MEANWHILE` when somebody else changed a part that was to stay
 */
export async function changeModelSync(
  context: Context,
  id: string,
  change: (current: ModelSyncView) => ModelSyncInput,
): Promise<ModelSyncView> {
  const before = await permitModelSync(context, id, 'edit');
  const input = change(await viewOf(context, context.store.db, before));
  const policies = await newPolicies(context, 'sync', input.policies, before.policies);
  const checked = await checkModelSync(context, input, before);
  const { organizationId } = context.caller;
  return context.store.transaction(async ({ db }) => {
    await lockTarget(context, db, input);
    await lockModelSync(db, organizationId, id);
    const current = await permitModelSync(context, id, 'edit', db);
    if (!isDeepStrictEqual(change(await viewOf(context, db, current)), input)) throw changedMeanwhile(id);
    await refuseBadChain(context, db, id, checked.schedule);
    const by = toActorColumns(context.caller);
    await updateRecord(db, organizationId, id, {
      ...toColumns(input, checked),
      policies,
      secrets: sealPassphrase(context, id, input.encryptionPassphrase, current.secrets),
      updatedBy: by.id,
      updatedByType: by.type,
    });
    const view = await viewOf(context, db, await permitModelSync(context, id, 'read', db));
    await recordChange(context, db, 'update', current, view.record);
    return view;
  });
}

/** Forgets a sync. What it would write to stays, and so do syncs that wait for it: for what else they name. @throws `NOT_FOUND`, `FORBIDDEN` */
export async function deleteModelSync(context: Context, id: string): Promise<void> {
  const before = await permitModelSync(context, id, 'delete');
  await context.store.transaction(async ({ db }) => {
    const isDeleted = await deleteRecord(db, context.caller.organizationId, id);
    if (!isDeleted) throw new SyncError('NOT_FOUND', `There is no model sync ${id}.`);
    await recordChange(context, db, 'delete', before, null);
  });
}

/** Switches the schedule of a sync on or off. @throws `NOT_FOUND`, `FORBIDDEN` */
export async function activateModelSync(context: Context, id: string, active: boolean): Promise<void> {
  const before = await permitModelSync(context, id, 'edit');
  const by = toActorColumns(context.caller);
  await context.store.transaction(async ({ db }) => {
    const change = { active, updatedBy: by.id, updatedByType: by.type };
    if (!(await updateRecord(db, context.caller.organizationId, id, change)))
      await permitModelSync(context, id, 'edit', db);
    await recordChange(context, db, active ? 'activate' : 'deactivate', before, { ...before, ...change });
  });
}

/** The connection may be deleted after it was checked. */
async function lockTarget(context: Context, db: StoreDatabase, { target }: ModelSyncInput): Promise<void> {
  const found = await lockConnections(db, context.caller.organizationId, [target.connectionId]);
  if (!found.has(target.connectionId))
    throw refuseField('target.connection_id', `there is no connection ${target.connectionId}`);
}

function toColumns(input: ModelSyncInput, checked: CheckedModelSync) {
  const { connectionId, ...target } = input.target;
  return {
    name: input.name,
    active: input.active,
    mode: input.mode,
    modelIds: [...checked.modelIds],
    targetConnectionId: connectionId,
    targetObject: checked.targetObject,
    target: JSON.stringify(target),
    identity: input.identity === null ? null : JSON.stringify(input.identity),
    fields: JSON.stringify(checked.fields),
    overrideFields: JSON.stringify(checked.overrideFields),
    filters: JSON.stringify(checked.filters),
    filterLogic: input.filterLogic,
    overrides: JSON.stringify(checked.overrides),
    schedule: JSON.stringify(checked.schedule),
    syncAllRecords: input.syncAllRecords,
    skipInitialBackfill: input.skipInitialBackfill,
    onlyEnrichUpdates: input.onlyEnrichUpdates,
  };
}

function changedMeanwhile(id: string): SyncError {
  return new SyncError(
    'CHANGED_MEANWHILE',
    `The model sync ${id} was changed by somebody else at the same time; nothing was changed by this request. Send it again.`,
  );
}

/** A passphrase is told as there or not, and nothing of it. */
function recordChange(
  context: Context,
  db: StoreDatabase,
  action: string,
  before: ModelSyncRecord | null,
  after: Partial<ModelSyncRecord> | null,
): Promise<void> {
  const toView = (record: Partial<ModelSyncRecord> | null): object | null => {
    if (record === null) return null;
    const { secrets: _, ...shown } = record;
    return shown;
  };
  const { id = '', name = null } = after ?? before ?? {};
  const object = { type: 'sync', id, name };
  return recordAudit(db, context, { action, object, before: toView(before), after: toView(after) });
}

async function viewOf(context: Context, db: StoreDatabase, record: ModelSyncRecord): Promise<ModelSyncView> {
  const [view] = await toViews(context, db, [record]);
  if (view === undefined) throw new SyncError('INTERNAL', `The model sync ${record.id} has no view.`);
  return view;
}

async function toViews(
  context: Context,
  db: StoreDatabase,
  records: readonly ModelSyncRecord[],
): Promise<ModelSyncView[]> {
  const nameActor = await loadActorNames(context, db);
  return records.map(({ secrets: _, ...record }) => ({
    record,
    createdBy: nameActor(record.createdBy, record.createdByType),
    updatedBy: nameActor(record.updatedBy, record.updatedByType),
  }));
}
