import { type ModelField, SyncError } from '../../core/index.ts';
import {
  type ConnectionRecord,
  deleteModel as deleteModelRow,
  findConnection,
  findModel,
  insertModel,
  listModels as listModelRows,
  type ModelPosition,
  type ModelRecord,
  updateModel as updateModelRow,
} from '../../store/index.ts';
import { type Actor, loadActorNames, toActorColumns } from '../actors.ts';
import { recordAudit } from '../audit/record.ts';
import type { Context } from '../context.ts';
import { authorize, newPolicies, type PolicyAction, readableBy } from '../permissions/authorize.ts';
import { refuseField } from '../refusals.ts';
import { type FieldChoice, type ModelFields, refuseOddRelations, toModelFields } from './fields.ts';
import { readOrigin } from './origin.ts';
import { limitsFor, withReader } from './reader.ts';

/** A model as it may be shown. */
export interface ModelView extends Omit<ModelRecord, 'createdBy' | 'updatedBy'> {
  readonly createdBy: Actor;
  readonly updatedBy: Actor;
}

/** What a user gives for a model. */
export interface ModelInput extends FieldChoice {
  readonly name: string;
  readonly connectionId: string;
  readonly configuration: Readonly<Record<string, unknown>>;
  /** Ids of the user's own choice, by which models can be told apart. */
  readonly labels: readonly string[];
  /** Beside the kind's built-in policy. */
  readonly policies: readonly string[];
  /** The connection that should enrich the records; null = none. */
  readonly enricherConnectionId: string | null;
  /** Must be the caller's own when given. */
  readonly organizationId: string | null;
}

/** Who waits for the source, and what stops the asking. */
export interface Waiting {
  readonly for: 'request' | 'job';
  readonly stop?: AbortSignal;
}

const DEFAULT_PAGE = 50;

/** One page of models, latest change first; `limit` null = the default, larger ones are lowered to it. */
export async function listModels(
  context: Context,
  query: { readonly limit: number | null; readonly after: ModelPosition | null },
): Promise<{ readonly models: readonly ModelView[]; readonly next: ModelPosition | null }> {
  const limit = query.limit === null || query.limit <= 0 ? DEFAULT_PAGE : Math.min(query.limit, DEFAULT_PAGE);
  const { records, hasMore } = await listRows(context, { limit, after: query.after });
  return { models: await toViews(context, records), next: hasMore ? (records.at(-1)?.position ?? null) : null };
}

/** Every model, latest change first. */
export async function listAllModels(context: Context): Promise<readonly ModelView[]> {
  return toViews(context, (await listRows(context, { limit: null, after: null })).records);
}

async function listRows(context: Context, page: { limit: number | null; after: ModelPosition | null }) {
  const readable = await readableBy(context, 'model');
  return listModelRows(context.store.db, context.caller.organizationId, { ...page, readable });
}

/** One model. @throws `NOT_FOUND`, `FORBIDDEN` */
export async function getModel(context: Context, id: string): Promise<ModelView> {
  return toView(context, await requireModel(context, id));
}

/** The stored model that a path names, for something that the caller may do with it. @throws `NOT_FOUND`, `FORBIDDEN` */
export async function requireModel(context: Context, id: string, action: PolicyAction = 'read'): Promise<ModelRecord> {
  const row = await findModel(context.store.db, context.caller.organizationId, id);
  if (row === undefined) throw new SyncError('NOT_FOUND', `There is no model ${id} in this organization.`);
  for (const needed of new Set(['read', action] as const))
    await authorize(context, needed, { kind: 'model', policies: row.policies });
  return row;
}

/**
 * Makes a model, whose fields the source tells now. On any refusal nothing is stored.
 * @param id of the new model: made twice with one id, it is made once
 * @throws `REQUEST_MALFORMED`, `REQUEST_REFUSED`, `FORBIDDEN`, `QUERY_FAILED`, and what the system says
 */
export async function createModel(
  context: Context,
  input: ModelInput,
  waiting: Waiting,
  id: string = context.newId(),
): Promise<ModelView> {
  await authorize(context, 'create', { kind: 'model' });
  const { organizationId } = context.caller;
  const isMade = (await findModel(context.store.db, organizationId, id)) !== undefined;
  if (isMade) return getModel(context, id);
  const drafted = await draftModel(context, input, [], waiting);
  const policies = await newPolicies(context, 'model', input.policies);
  const actor = toActorColumns(context.caller);
  await context.store.transaction(async ({ db }) => {
    const isInserted = await insertModel(db, organizationId, {
      id,
      ...toColumns(input, drafted),
      policies,
      createdBy: actor.id,
      createdByType: actor.type,
      updatedBy: actor.id,
      updatedByType: actor.type,
    });
    if (!isInserted) throw unknownConnection(input.connectionId);
    const object = { type: 'model', id, name: input.name };
    await recordAudit(db, context, { action: 'create', object, before: null, after: toAudited(input, policies) });
  });
  return getModel(context, id);
}

/** A model that would be made of this, and is not. @throws as `createModel` */
export async function previewModel(context: Context, input: ModelInput, waiting: Waiting): Promise<ModelFields> {
  await authorize(context, 'create', { kind: 'model' });
  return draftModel(context, input, [], waiting);
}

/**
 * Replaces a model. The source is asked again when connection or configuration change, or `refresh` says so.
 * @throws as `createModel`, and `NOT_FOUND`
 */
export async function updateModel(
  context: Context,
  id: string,
  input: ModelInput & { readonly refresh: boolean },
  waiting: Waiting,
): Promise<ModelView> {
  const stored = await requireModel(context, id, 'edit');
  const isSame = input.connectionId === stored.connectionId && sameJson(input.configuration, stored.configuration);
  const known = [...stored.detectedFields, ...stored.additionalFields];
  const drafted =
    isSame && !input.refresh
      ? await keepDetected(context, input, stored, known)
      : await draftModel(context, input, known, waiting);
  const policies = await newPolicies(context, 'model', input.policies, stored.policies);
  const actor = toActorColumns(context.caller);
  await context.store.transaction(async ({ db }) => {
    const change = { ...toColumns(input, drafted), policies, updatedBy: actor.id, updatedByType: actor.type };
    const isUpdated = await updateModelRow(db, context.caller.organizationId, id, change);
    if (!isUpdated) throw new SyncError('NOT_FOUND', `Model ${id} was deleted meanwhile.`);
    await recordAudit(db, context, {
      action: 'update',
      object: { type: 'model', id, name: input.name },
      before: toAudited(toInput(stored), stored.policies),
      after: toAudited(input, policies),
    });
  });
  return getModel(context, id);
}

/** What a user changes of a model; what is not named stays. */
export type ModelChange = { readonly [Key in keyof ModelInput]?: ModelInput[Key] | undefined };

/** Changes parts of a model. @throws as `updateModel` */
export async function patchModel(
  context: Context,
  id: string,
  change: ModelChange,
  waiting: Waiting,
): Promise<ModelView> {
  const stored = toInput(await requireModel(context, id, 'edit'));
  const named = Object.entries(change).filter(([, value]) => value !== undefined);
  return updateModel(context, id, { ...stored, ...Object.fromEntries(named), refresh: false }, waiting);
}

/** Deletes a model; model syncs that take records from it no longer work. @throws `NOT_FOUND`, `FORBIDDEN` */
export async function deleteModel(context: Context, id: string): Promise<void> {
  const stored = await requireModel(context, id, 'delete');
  await context.store.transaction(async ({ db }) => {
    const isDeleted = await deleteModelRow(db, context.caller.organizationId, id);
    if (!isDeleted) throw new SyncError('NOT_FOUND', `Model ${id} was deleted meanwhile.`);
    await recordAudit(db, context, {
      action: 'delete',
      object: { type: 'model', id, name: stored.name },
      before: toAudited(toInput(stored), stored.policies),
      after: null,
    });
  });
}

/** A stored model as its author would give it again. */
function toInput(model: ModelRecord): ModelInput {
  return {
    name: model.name,
    connectionId: model.connectionId,
    configuration: model.configuration,
    fields: model.selectedFields,
    additionalFields: model.additionalFields,
    identifier: model.identifier,
    trackingColumns: model.trackingColumns,
    relations: model.relations,
    labels: model.labels,
    policies: model.policies,
    enricherConnectionId: null,
    organizationId: null,
  };
}

/** Checks everything that a model says, asking the source what it holds. */
async function draftModel(
  context: Context,
  input: ModelInput,
  known: readonly ModelField[],
  waiting: Waiting,
): Promise<ModelFields> {
  const connection = await requireInput(context, input);
  const limits = limitsFor(waiting.for, 0);
  const found = await withReader(
    context,
    connection,
    limits.timeoutMs,
    (reader, signal) => reader.read(readOrigin(input.configuration, reader.kinds), limits, signal),
    waiting.stop,
  ).catch((error: unknown) => {
    const isUnreadable = error instanceof SyncError && error.code === 'FEATURE_NOT_SUPPORTED';
    throw isUnreadable ? refuseField('connection_id', error.message.replace(/\.$/, '')) : error;
  });
  return toModelFields(context, input, found.fields, known);
}

async function keepDetected(
  context: Context,
  input: ModelInput,
  stored: ModelRecord,
  known: readonly ModelField[],
): Promise<ModelFields> {
  await requireInput(context, input);
  return toModelFields(
    context,
    input,
    stored.detectedFields.map(({ name, type, remoteType, isUnique }) => ({
      name,
      type,
      remoteType: remoteType ?? '',
      isUnique,
    })),
    known,
  );
}

/** What can be checked without the source. Returns the connection. */
async function requireInput(context: Context, input: ModelInput): Promise<ConnectionRecord> {
  const { organizationId } = context.caller;
  if (input.organizationId !== null && input.organizationId !== organizationId)
    throw refuseField('organization_id', 'the key acts in another organization; leave it out');
  const connection = await findConnection(context.store.db, organizationId, input.connectionId);
  if (connection === undefined) throw unknownConnection(input.connectionId);
  // Whoever makes a model of a query reads what its text says.
  for (const action of 'query' in input.configuration ? (['read', 'query'] as const) : (['read'] as const))
    await authorize(context, action, { kind: 'connection', policies: connection.policies });
  if (input.enricherConnectionId !== null) await refuseEnricher(context, input.enricherConnectionId);
  await refuseOddRelations(context, input.relations);
  return connection;
}

async function refuseEnricher(context: Context, id: string): Promise<never> {
  const connection = await findConnection(context.store.db, context.caller.organizationId, id);
  if (connection === undefined) throw refuseField('enricher.connection_id', `there is no connection ${id}`);
  throw refuseField('enricher.connection_id', `connection "${connection.name}" cannot enrich records`);
}

function unknownConnection(id: string): SyncError {
  return refuseField('connection_id', `there is no connection ${id} in this organization`);
}

function toColumns(input: ModelInput, fields: ModelFields) {
  const { name, connectionId, identifier } = input;
  return {
    name,
    connectionId,
    identifier,
    configuration: JSON.stringify(input.configuration),
    detectedFields: JSON.stringify(fields.detectedFields),
    selectedFields: fields.selectedFields === null ? null : JSON.stringify(fields.selectedFields),
    additionalFields: JSON.stringify(fields.additionalFields),
    trackingColumns: JSON.stringify(input.trackingColumns),
    relations: JSON.stringify(input.relations),
    labels: [...new Set(input.labels)],
  };
}

function toAudited({ enricherConnectionId: _, organizationId: __, ...input }: ModelInput, policies: readonly string[]) {
  return { ...input, policies };
}

function sameJson(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

async function toView(context: Context, row: ModelRecord): Promise<ModelView> {
  const toActor = await loadActorNames(context);
  return {
    ...row,
    createdBy: toActor(row.createdBy, row.createdByType),
    updatedBy: toActor(row.updatedBy, row.updatedByType),
  };
}

async function toViews(context: Context, rows: readonly ModelRecord[]): Promise<readonly ModelView[]> {
  const toActor = await loadActorNames(context);
  return rows.map((row) => ({
    ...row,
    createdBy: toActor(row.createdBy, row.createdByType),
    updatedBy: toActor(row.updatedBy, row.updatedByType),
  }));
}
