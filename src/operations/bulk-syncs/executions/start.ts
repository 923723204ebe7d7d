import { type FetchMode, type ResyncMode, type SelectiveMode, SyncError, VERIFICATION } from '../../../core/index.ts';
import {
  type BulkSyncRecord,
  type BulkSyncSchemaRecord,
  findCurrentAndLast,
  insertExecution,
  listBulkSyncSchemas,
  type NewExecution,
  type StoreTransaction,
} from '../../../store/index.ts';
import { toActorColumns } from '../../actors.ts';
import { auditBulkSyncPart } from '../../audit/views.ts';
import type { Context } from '../../context.ts';
import { refuseField } from '../../refusals.ts';
import { loadDestination, loadSource, type SourceCapabilities } from '../checks.ts';
import { listChangedKeys } from '../configuration.ts';
import { checkMaxLoss } from '../settings.ts';
import { permitBulkSync } from '../syncs.ts';
import { type ExecutionView, getExecution } from './executions.ts';
import { currentTraceParent } from './trace-parent.ts';

/** What one start asks for. */
export interface StartInput {
  /** Empty = all enabled schemas. */
  readonly schemas: readonly string[];
  readonly resyncMode: ResyncMode | null;
  readonly fetchMode: FetchMode;
  readonly isTest: boolean;
  /** Takes the place of the sync's own guard for this execution; null = the sync's. */
  readonly maxLossPercent: number | null;
}

/** What a start asks for that only a schedule can. */
export interface ScheduledStartInput extends StartInput {
  readonly selectiveMode: SelectiveMode;
}

/**
 * Starts a sync by hand: its execution and the durable work for it are stored together. Schedules, policies, limits
 * and `active` do not matter here.
 * @throws `NOT_FOUND`, `EXECUTION_RUNNING`, `OPTION_NOT_AVAILABLE` naming the options, `REQUEST_MALFORMED` for a test with a resync
 */
export async function startBulkSync(context: Context, syncId: string, input: StartInput): Promise<ExecutionView> {
  const sync = await permitBulkSync(context, syncId, 'trigger');
  await checkStart(context, sync, input);
  const execution = toNewExecution(context, syncId, 'manual', { ...input, selectiveMode: 'none' });
  const isStarted = await startAudited(context, sync, execution, { action: 'start', facts: input });
  if (!isStarted) throw await runningAlready(context, syncId);
  return getExecution(context, syncId, execution.id);
}

/**
 * Starts a comparison of source and destination: an execution like any other, which writes nothing and is no run of the
 * sync to its schedules and cursors. While it is under way the sync does not run.
 * @param schemas empty = all enabled ones
 * @throws as {@link startBulkSync}
 */
export async function startVerification(
  context: Context,
  syncId: string,
  schemas: readonly string[],
): Promise<ExecutionView> {
  const sync = await permitBulkSync(context, syncId, 'trigger');
  const input: ScheduledStartInput = {
    schemas,
    resyncMode: null,
    fetchMode: 'none',
    isTest: false,
    maxLossPercent: null,
    selectiveMode: 'none',
  };
  await checkStart(context, sync, input);
  const execution = toNewExecution(context, syncId, VERIFICATION, input);
  const isStarted = await startAudited(context, sync, execution, { action: 'verify', facts: { schemas } });
  if (!isStarted) throw await runningAlready(context, syncId);
  return getExecution(context, syncId, execution.id);
}

/** A start that somebody asked for, with who that was. @returns false when an execution of the sync runs already */
function startAudited(
  context: Context,
  sync: BulkSyncRecord,
  execution: NewExecution,
  { action, facts }: { readonly action: string; readonly facts: object },
): Promise<boolean> {
  return context.store.transaction(async (transaction) => {
    if (!(await insertAndEnqueue(context, transaction, execution))) return false;
    const after = { executionId: execution.id, ...facts };
    await auditBulkSyncPart(transaction.db, context, sync, { action, before: null, after });
    return true;
  });
}

/** Refuses a start that could not do what it asks for, by hand or by a schedule. @throws as {@link startBulkSync}, but for a running execution */
export async function checkStart(context: Context, sync: BulkSyncRecord, input: StartInput): Promise<void> {
  checkOwnValues(input);
  const destination = await loadDestination(context, sync.destinationConnectionId);
  const source = await loadSource(context, sync.sourceConnectionId);
  const rows = await listBulkSyncSchemas(context.store.db, context.caller.organizationId, sync.id);
  const schemas = chooseSchemas(input, rows);
  refuseUnavailable([...unavailableInSync(sync, source), ...schemas.flatMap(unavailableInSchema)]);
  if (schemas.length === 0 && sync.automaticallyAddNewObjects === 'none')
    throw refuseField('schemas', 'the sync has no enabled schema, so there is nothing to do');
  if (input.resyncMode !== null && !destination.resyncModes.includes(input.resyncMode)) {
    throw refuseField('resync_mode', `this destination offers ${destination.resyncModes.join(', ')}`);
  }
}

function checkOwnValues(input: StartInput): void {
  if (input.isTest && input.resyncMode !== null) {
    throw new SyncError('REQUEST_MALFORMED', 'The body does not fit: `test` and `resync_mode` exclude each other.', {
      detail: { fields: ['test', 'resync_mode'] },
    });
  }
  if (input.resyncMode !== null && input.fetchMode === 'incremental')
    throw refuseField('fetch_mode', `"incremental" reads what has changed, and "${input.resyncMode}" everything`);
  if (input.maxLossPercent !== null) checkMaxLoss(input.maxLossPercent);
}

/** The schemas that the start names, or all that are enabled. */
function chooseSchemas(input: StartInput, rows: readonly BulkSyncSchemaRecord[]): readonly BulkSyncSchemaRecord[] {
  const enabled = rows.filter((row) => row.enabled);
  if (input.schemas.length === 0) return enabled;
  const known = new Map(rows.map((row) => [row.schemaId, row.enabled]));
  for (const [index, schemaId] of input.schemas.entries()) {
    if (known.get(schemaId) === true) continue;
    const reason = known.has(schemaId) ? 'is not enabled in this sync' : 'is no schema of this sync';
    throw refuseField(`schemas[${index}]`, `"${schemaId}" ${reason}`, { schema: schemaId });
  }
  return enabled.filter((row) => input.schemas.includes(row.schemaId));
}

/** The row of a start that was checked. */
export function toNewExecution(
  context: Context,
  syncId: string,
  type: 'manual' | 'scheduled' | typeof VERIFICATION,
  input: ScheduledStartInput,
): NewExecution {
  const by = toActorColumns(context.caller);
  return {
    id: context.newId(),
    syncId,
    type,
    resyncMode: input.resyncMode,
    fetchMode: input.fetchMode,
    isTest: input.isTest,
    isPartial: input.schemas.length > 0 || input.selectiveMode !== 'none',
    overrides: JSON.stringify({
      ...(input.schemas.length === 0 ? {} : { schemas: input.schemas }),
      ...(input.maxLossPercent === null ? {} : { maxLossPercent: input.maxLossPercent }),
      ...(input.selectiveMode === 'none' ? {} : { selectiveMode: input.selectiveMode }),
    }),
    createdBy: by.id,
    createdByType: by.type,
    traceParent: currentTraceParent(),
  };
}

/** The one way in which work begins. @returns false when an execution of the sync runs already */
export async function insertAndEnqueue(
  context: Context,
  transaction: StoreTransaction,
  execution: NewExecution,
): Promise<boolean> {
  const { organizationId } = context.caller;
  if ((await insertExecution(transaction.db, organizationId, execution)) === undefined) return false;
  await context.executions.enqueue(transaction, { id: execution.id, syncId: execution.syncId });
  return true;
}

/** What a start is told while the sync runs. */
export async function runningAlready(context: Context, syncId: string): Promise<SyncError> {
  const { current } = await findCurrentAndLast(context.store.db, context.caller.organizationId, syncId);
  return new SyncError(
    'EXECUTION_RUNNING',
    `The bulk sync ${syncId} is running already${current === undefined ? '' : ` (execution ${current.id}, ${current.status})`}. Wait for it or cancel it.`,
    current === undefined ? {} : { detail: { executionId: current.id, executionStatus: current.status } },
  );
}

/** Options that are stored and returned, and that nothing acts on yet: running without them would not be what was asked. */
function refuseUnavailable(fields: readonly string[]): void {
  if (fields.length === 0) return;
  throw new SyncError(
    'OPTION_NOT_AVAILABLE',
    `The sync cannot be started: ${fields.map((field) => `\`${field}\``).join(', ')} ${fields.length === 1 ? 'has' : 'have'} no effect yet. Set ${fields.length === 1 ? 'it' : 'them'} back to the default.`,
    { detail: { fields } },
  );
}

function unavailableInSync(sync: BulkSyncRecord, source: SourceCapabilities): string[] {
  return [
    ...listChangedKeys(sync.sourceConfiguration, source.configuration).map((key) => `source_configuration.${key}`),
  ];
}

function unavailableInSchema(schema: BulkSyncSchemaRecord): string[] {
  const options = [...(schema.partitionKey === null ? [] : ['partition_key'])];
  return options.map((option) => `schemas[${schema.schemaId}].${option}`);
}
