import { availableParallelism } from 'node:os';
import {
  EXECUTION_TRANSITIONS,
  type ExecutionStatus,
  firstError,
  isAbort,
  isTerminal,
  type Receipt,
  type SchemaReceipt,
  serializeError,
} from '../core/index.ts';
import {
  hasItemsOfOthers,
  hasSync,
  lastSnapshotEpoch,
  listRunSchemas,
  loadRun,
  nextGeneration,
  type PlannedSchema,
  type Run,
  recordExecutionEvent,
  replacePlan,
  setSchemaStatus,
} from '../store/index.ts';
import { definitionOf, type EngineParts, findRun, retryStore, specsOf } from './engine-parts.ts';
import { discardQuietly } from './finish-schema.ts';
import { planExecution } from './planner/plan-execution.ts';
import type { SchemaPlan } from './planner/schema-plan.ts';
import { isRetryable, type RetryPolicy, waitBeforeRetry } from './retry.ts';
import { openConnection, openSides } from './sides.ts';

const PREPARE_RETRY: RetryPolicy = { maxAttempts: 6, firstDelayMs: 500, maxDelayMs: 15_000 };
const NEVER = new AbortController().signal;

/**
 * Plans an execution and answers how many lanes it needs; 0 when there is nothing to do or it has ended already.
 * Repeatable until it has answered: a plan is replaced whole, and nothing is written to the destination here.
 */
export async function prepareExecution(parts: EngineParts, executionId: string): Promise<number> {
  using watch = parts.cancels.watch(executionId);
  const stop = AbortSignal.any([watch.signal, parts.draining]);
  for (let failures = 0; ; ) {
    try {
      return await prepareOnce(parts, executionId, stop);
    } catch (thrown) {
      const error = firstError(thrown);
      if (parts.draining.aborted) await new Promise<never>(() => {}); // the next process plans it again
      if (watch.signal.aborted || isAbort(error)) return 0;
      failures += 1;
      const { code, message } = serializeError(error);
      const shown =
        code === 'INTERNAL'
          ? `An unexpected failure inside Millrace while planning: ${message.split('\n')[0] ?? ''}`
          : message;
      parts.log.warn({ executionId, code, attempt: failures }, `Planning failed: ${message}`);
      parts.console.warn(executionId, shown, { payload: { code, attempt: failures } });
      if (!isRetryable(error) || failures >= PREPARE_RETRY.maxAttempts) {
        await parts.console.flush();
        await retryStore(() => recordExecutionEvent(parts.store, executionId, 'fail', { statusMessage: shown }), NEVER);
        return 0;
      }
      await waitBeforeRetry(PREPARE_RETRY, failures, error, parts.random, stop).catch(() => {});
    }
  }
}

async function prepareOnce(parts: EngineParts, executionId: string, stop: AbortSignal): Promise<number> {
  const status = await retryStore(() => recordExecutionEvent(parts.store, executionId, 'start'), stop);
  if (isTerminal(status) || status === 'canceling') return 0;
  const run = await retryStore(() => loadRun(parts.store, executionId), stop);
  const { resyncMode, fetchMode, type } = run.execution;
  parts.console.info(executionId, 'Planning begins.', {
    payload: { type, schemas: run.schemas.length, resync_mode: resyncMode, fetch_mode: fetchMode },
  });
  const plan = await planRun(parts, run, stop);
  await retryStore(
    () => parts.store.transaction(({ db }) => replacePlan(db, run.execution, plan.planned, plan.failed)),
    stop,
  );
  parts.failpoint('planned');
  for (const schema of plan.planned) {
    // Written a line above by this build's planner.
    const { kind, kindReason, format, formatReason } = schema.plan as SchemaPlan;
    parts.log.info(
      { executionId, schemaId: schema.schemaId, kind, format, segments: schema.ranges.length },
      `Planned: ${kindReason}; ${formatReason}.`,
    );
    parts.console.info(executionId, `Planned as ${kind}: ${kindReason}; ${formatReason}.`, {
      schemaId: schema.schemaId,
      payload: { load: kind, format, segments: schema.ranges.length, output_name: schema.outputName },
    });
  }
  for (const { schemaId, message } of plan.failed)
    parts.console.error(executionId, `Not loaded: ${message}`, { schemaId });
  return laneCount(run, plan.planned);
}

async function planRun(parts: EngineParts, run: Run, stop: AbortSignal) {
  await using sides = await openSides(parts, run);
  const destinationCapabilities = definitionOf(parts, run.destination.type).capabilities.destination;
  if (destinationCapabilities === undefined || run.schemas.length === 0) return { planned: [], failed: [] };
  const { db } = parts.store;
  const lost = await retryStore(() => lastSnapshotEpoch(db, run.execution.id), stop);
  const snapshot = await parts.snapshots.renew(
    run.execution.id,
    lost,
    () => openConnection(parts, run, run.source),
    stop,
  );
  // Awaited here: both sides are closed at the end of this function.
  return await planExecution(
    {
      run,
      ...sides,
      destinationCapabilities,
      snapshot: snapshot.ref,
      snapshotEpoch: snapshot.epoch,
      columnPrefix: parts.columnPrefix,
      isLivingSync: (syncId) => retryStore(() => hasSync(db, syncId), stop),
      nextGeneration: (schemaId) => retryStore(() => nextGeneration(db, run.sync.id, schemaId), stop),
      signal: stop,
    },
    null,
  );
}

function laneCount(run: Run, planned: readonly PlannedSchema[]): number {
  const reads = planned.reduce((sum, schema) => sum + schema.ranges.length, 0);
  const limit = run.sync.concurrencyLimit ?? Math.max(2, availableParallelism());
  return Math.max(0, Math.min(limit, reads, 64));
}

/** Ends an execution: leftovers dropped, receipt written, final status set. Repeatable. */
export async function settleExecution(parts: EngineParts, executionId: string): Promise<void> {
  if (parts.draining.aborted) await new Promise<never>(() => {});
  const run = await findRun(parts, executionId);
  if (run === null) return letGo(parts, executionId);
  const isCanceled = run.execution.cancelRequestedAt !== null;
  await endOpenSchemas(parts, run, isCanceled);
  await letGo(parts, executionId);
  const schemas = await retryStore(() => listRunSchemas(parts.store.db, executionId), parts.draining);
  const receipt = composeReceipt(run, schemas);
  const { event, statusMessage } = decide(schemas, isCanceled);
  // Before the end is recorded: who sees the end finds the log complete.
  describeEnd(parts, run, EXECUTION_TRANSITIONS[run.execution.status][event] ?? run.execution.status, {
    statusMessage,
    receipt,
  });
  await parts.console.flush();
  const status = await retryStore(
    () =>
      recordExecutionEvent(parts.store, executionId, event, {
        receipt,
        ...(statusMessage === null ? {} : { statusMessage }),
      }),
    parts.draining,
  );
  parts.failpoint('settled');
  parts.log.info({ executionId, syncId: run.sync.id, status, verdict: receipt.verdict }, 'Execution ended.');
}

function describeEnd(
  parts: EngineParts,
  run: Run,
  status: ExecutionStatus,
  { statusMessage, receipt }: { readonly statusMessage: string | null; readonly receipt: Receipt },
): void {
  const level = status === 'failed' ? 'error' : status === 'completed' ? 'info' : 'warn';
  const message = `Ended as ${status}; receipt: ${receipt.verdict}.${statusMessage === null ? '' : ` ${statusMessage}`}`;
  parts.console[level](run.execution.id, message, { payload: { status, verdict: receipt.verdict } });
}

/** Closes what this process holds open for an execution: source images and the threads' connections. */
export async function letGo(parts: EngineParts, executionId: string): Promise<void> {
  await parts.snapshots.close(executionId);
  await parts.threads.release(executionId);
}

// Schemas that no lane brought to an end were cancelled, or lost every worker that tried. A worker that died between a
// schema's completion and its clean-up left that to us.
async function endOpenSchemas(parts: EngineParts, run: Run, isCanceled: boolean): Promise<void> {
  const executionId = run.execution.id;
  const schemas = await retryStore(() => listRunSchemas(parts.store.db, executionId), parts.draining);
  const isResumed = await retryStore(
    () => hasItemsOfOthers(parts.store.db, executionId, parts.workerId),
    parts.draining,
  );
  const message = isCanceled ? null : 'The work on this schema ended without a result. Start the sync again.';
  for (const schema of schemas) {
    if (schema.plan === null || (schema.status === 'completed' && !isResumed)) continue;
    await retryStore(
      () =>
        setSchemaStatus(parts.store.db, executionId, schema.schemaId, isCanceled ? 'canceled' : 'interrupted', message),
      parts.draining,
    );
    const item = {
      executionId,
      schemaId: schema.schemaId,
      generation: schema.generation,
      no: 0,
      kind: 'finish' as const,
      range: null,
      token: 0,
    };
    // Stored by planExecution.
    const plan = schema.plan as SchemaPlan;
    await discardQuietly(parts, { run, specs: specsOf(parts, run), item, plan }, AbortSignal.timeout(30_000));
  }
}

type RunSchema = Awaited<ReturnType<typeof listRunSchemas>>[number];

function decide(
  schemas: readonly RunSchema[],
  isCanceled: boolean,
): { event: 'settle_cancel' | 'complete' | 'complete_with_errors' | 'fail'; statusMessage: string | null } {
  const unfinished = schemas.filter((schema) => schema.status !== 'completed');
  if (isCanceled && (unfinished.length > 0 || schemas.length === 0))
    return {
      event: 'settle_cancel',
      statusMessage: 'Cancelled. Schemas that were not finished keep their previous data.',
    };
  const different = schemas.filter((schema) => schema.receipt?.verdict === 'different');
  const first = different[0] ?? unfinished[0];
  if (different.length > 0 || (unfinished.length > 0 && unfinished.length === schemas.length)) {
    return { event: 'fail', statusMessage: first?.statusMessage ?? null };
  }
  const rejected = schemas.reduce((sum, schema) => sum + Number(schema.errorCount), 0);
  if (first !== undefined)
    return {
      event: 'complete_with_errors',
      statusMessage: `${unfinished.length} of ${schemas.length} schemas failed: ${first.schemaId}: ${first.statusMessage ?? 'no reason given'}`,
    };
  if (rejected > 0)
    return {
      event: 'complete_with_errors',
      statusMessage: `${rejected} records were rejected by the destination; the others landed.`,
    };
  return { event: 'complete', statusMessage: null };
}

function composeReceipt(run: Run, schemas: readonly RunSchema[]): Receipt {
  const receipts = schemas
    .map((schema) => schema.receipt)
    .filter((receipt): receipt is SchemaReceipt => receipt !== null);
  // Nothing planned is nothing proved.
  const isProved =
    schemas.length > 0 &&
    receipts.length === schemas.length &&
    schemas.every((schema) => schema.status === 'completed');
  const isDifferent = receipts.some((receipt) => receipt.verdict === 'different');
  return {
    executionId: run.execution.id,
    syncId: run.sync.id,
    issuedAt: new Date().toISOString(),
    depth: run.sync.receiptDepth,
    verdict: isDifferent ? 'different' : isProved ? 'equal' : 'unproved',
    schemas: receipts,
  };
}
