import { SyncError } from '../../../core/index.ts';
import {
  type BulkSyncRecord,
  type DueSync,
  findBulkSync,
  findSameRefusal,
  insertFailedExecution,
  listBulkSyncSchedules,
  listBulkSyncSchemas,
  type NewExecution,
  type ScheduleSettings,
  type StoreDatabase,
  type StoreTransaction,
  setDueTimes,
  tryLockActiveSync,
} from '../../../store/index.ts';
import { type Caller, type Context, createContext, type Services } from '../../context.ts';
import { refuseField } from '../../refusals.ts';
import { checkStart, insertAndEnqueue, type ScheduledStartInput, toNewExecution } from '../executions/start.ts';
import { chooseStart, type DueSchedule } from './choose-start.ts';
import { nextOccurrence } from './schedule-times.ts';
import { rearmSchedules } from './schedules.ts';

/**
 * What became of a due sync. `refused`: it could not be started, and a failed execution says why; `known`: one says so
 * already. `nothing`: an execution was in the way, somebody else was faster, or the sync is not due any more.
 */
export type DueOutcome =
  | { readonly kind: 'started'; readonly executionId: string }
  | { readonly kind: 'refused'; readonly executionId: string; readonly reason: string }
  | { readonly kind: 'known'; readonly executionId: string }
  | { readonly kind: 'nothing' };

/**
 * Starts a sync once for what its schedules owe now, and moves these schedules on to their next occurrence, in one
 * transaction. Any number of processes may call it at the same time: one of them does it.
 * @throws only what passes by itself, such as an outage of the metadata database; the start is still owed then
 */
export async function startDueSync(services: Services, { organizationId, syncId }: DueSync): Promise<DueOutcome> {
  const context = createContext(services, toScheduler(organizationId));
  const now = context.clock();
  const sync = await findBulkSync(context.store.db, organizationId, syncId);
  const due = await listDue(context, context.store.db, syncId, now);
  const chosen = chooseStart(due);
  if (sync === undefined || chosen === undefined) return { kind: 'nothing' };
  const { execution, refusal } = await prepareExecution(context, sync, chosen.settings);
  return context.store.transaction(async (transaction): Promise<DueOutcome> => {
    const { db } = transaction;
    if (!(await tryLockActiveSync(db, organizationId, syncId))) return { kind: 'nothing' };
    if (!isSame(due, await listDue(context, db, syncId, now))) return { kind: 'nothing' };
    const outcome = await storeExecution(context, transaction, execution, refusal);
    if (outcome.kind === 'nothing') return outcome;
    const times = chosen.served.map(({ id, settings }) => ({ id, dueAt: nextOccurrence(settings, now) }));
    await setDueTimes(db, organizationId, times);
    return outcome;
  });
}

/** Computes when the schedules of an active sync come next, where an earlier release stored them without. */
export async function armSchedules(services: Services, { organizationId, syncId }: DueSync): Promise<void> {
  const context = createContext(services, toScheduler(organizationId));
  await context.store.transaction(async ({ db }) => {
    if (await tryLockActiveSync(db, organizationId, syncId)) await rearmSchedules(context, db, syncId, true);
  });
}

/** Nobody's key: what it makes is made by the system. */
function toScheduler(organizationId: string): Caller {
  const name = 'Millrace';
  return {
    kind: 'scheduler',
    organizationId,
    organizationName: name,
    userId: null,
    name,
    email: null,
    role: null,
    roleIds: [],
    isAdmin: true,
  };
}

/** In the order of the sync: default schedule first. */
async function listDue(context: Context, db: StoreDatabase, syncId: string, now: Date): Promise<DueSchedule[]> {
  const schedules = await listBulkSyncSchedules(db, context.caller.organizationId, [syncId]);
  return schedules.flatMap(({ id, settings, dueAt }) =>
    dueAt === null || dueAt > now ? [] : [{ id, settings, dueAt }],
  );
}

function isSame(seen: readonly DueSchedule[], found: readonly DueSchedule[]): boolean {
  const text = (schedules: readonly DueSchedule[]): string => JSON.stringify(schedules);
  return text(seen) === text(found);
}

/** Refused is what a person would be refused, too. */
async function prepareExecution(
  context: Context,
  sync: BulkSyncRecord,
  settings: ScheduleSettings,
): Promise<{ readonly execution: NewExecution; readonly refusal: string | null }> {
  const { selectiveMode = 'none', resyncMode = 'normal' } = settings;
  const input: ScheduledStartInput = {
    schemas: await listNamed(context, sync.id, settings.schemas ?? []),
    resyncMode: resyncMode === 'normal' ? null : resyncMode,
    fetchMode: 'none',
    isTest: false,
    maxLossPercent: null,
    selectiveMode,
  };
  const execution = toNewExecution(context, sync.id, 'scheduled', input);
  try {
    if (settings.schemas !== undefined && settings.schemas.length > 0 && input.schemas.length === 0)
      throw refuseField('schemas', 'the sync has none of the schemas enabled that the schedule names');
    await checkStart(context, sync, input);
    return { execution, refusal: null };
  } catch (error) {
    if (!(error instanceof SyncError) || ['transient', 'rate_limited'].includes(error.kind)) throw error;
    return { execution, refusal: `The schedule could not start the sync. ${error.message}` };
  }
}

/** A schema that was switched off since is no reason not to run the others. */
async function listNamed(context: Context, syncId: string, named: readonly string[]): Promise<string[]> {
  if (named.length === 0) return [];
  const rows = await listBulkSyncSchemas(context.store.db, context.caller.organizationId, syncId);
  const enabled = new Set(rows.filter((row) => row.enabled).map((row) => row.schemaId));
  return named.filter((id) => enabled.has(id));
}

/** A schedule that comes every five minutes would fill the history with one and the same refusal. */
async function storeExecution(
  context: Context,
  transaction: StoreTransaction,
  execution: NewExecution,
  refusal: string | null,
): Promise<DueOutcome> {
  const { organizationId } = context.caller;
  const { id: executionId, syncId } = execution;
  if (refusal === null) {
    const isStarted = await insertAndEnqueue(context, transaction, execution);
    return isStarted ? { kind: 'started', executionId } : { kind: 'nothing' };
  }
  const known = await findSameRefusal(transaction.db, organizationId, syncId, refusal);
  if (known !== undefined) return { kind: 'known', executionId: known };
  const isStored = await insertFailedExecution(transaction.db, organizationId, execution, refusal);
  return isStored ? { kind: 'refused', executionId, reason: refusal } : { kind: 'nothing' };
}
