import {
  EXECUTION_TRANSITIONS,
  type ExecutionStatus,
  type ExecutionTiming,
  type Receipt,
  type SchemaReceipt,
  VERIFICATION,
} from '../../core/index.ts';
import {
  findRunSchema,
  hasItemsOfDead,
  listRunSchemas,
  type Run,
  recordExecutionEvent,
  setSchemaStatus,
  sumExecutionTiming,
} from '../../store/index.ts';
import { type EngineParts, findRun, retryStore, specsOf } from '../engine-parts.ts';
import { discardQuietly } from '../lanes/finish-schema.ts';
import { measureEnd } from '../measuring.ts';
import type { SchemaPlan } from '../planner/schema-plan.ts';
import { recordSpan } from '../tracing.ts';

/** Ends an execution: leftovers dropped, receipt written, final status set. Repeatable. */
export async function settleExecution(parts: EngineParts, executionId: string): Promise<void> {
  if (parts.draining.aborted) await new Promise<never>(() => {});
  const run = await findRun(parts, executionId);
  if (run === null) return letGo(parts, executionId);
  const isCanceled = run.execution.cancelRequestedAt !== null;
  await endOpenSchemas(parts, run, isCanceled);
  const [schemas, timing] = await Promise.all([
    retryStore(() => listRunSchemas(parts.store.db, executionId), parts.draining),
    retryStore(() => sumExecutionTiming(parts.store.db, executionId), parts.draining),
    letGo(parts, executionId),
  ]);
  const { isTest } = run.execution;
  // A test proves nothing, and nothing is proved of what was left alone.
  const worked = isTest ? schemas : schemas.filter((schema) => !isSkipped(schema));
  const receipt = isTest ? null : composeReceipt(run, worked);
  const { event, statusMessage } = isTest && !isCanceled ? decideTest(schemas) : decide(worked, isCanceled);
  // Before the end is recorded: who sees the end finds the log complete.
  describeEnd(parts, run, EXECUTION_TRANSITIONS[run.execution.status][event] ?? run.execution.status, {
    statusMessage,
    receipt,
    timing,
  });
  await parts.console.flush();
  const status = await retryStore(
    () =>
      recordExecutionEvent(parts.store, executionId, event, {
        ...(receipt === null ? {} : { receipt }),
        ...(timing === null ? {} : { timing }),
        ...(statusMessage === null ? {} : { statusMessage }),
      }),
    parts.draining,
  );
  parts.failpoint('settled');
  measureEnd(parts, { status, createdAt: run.execution.createdAt }, timing, worked);
  traceEnd(run, status, worked);
  parts.log.info(
    { executionId, syncId: run.sync.id, status, verdict: receipt?.verdict ?? null, ...factsOfTiming(timing) },
    'Execution ended.',
  );
}

/** Whole executions and schemas, which no single process may have seen from beginning to end. */
function traceEnd({ execution }: Run, status: ExecutionStatus, schemas: readonly RunSchema[]): void {
  const hasFailed = status === 'failed' || status === 'interrupted';
  const attributes = { 'millrace.status': status, 'millrace.execution.type': execution.type };
  recordSpan('execution', execution, attributes, { from: execution.createdAt, to: new Date(), hasFailed });
  for (const schema of schemas) {
    const { schemaId, startedAt: from, completedAt: to } = schema;
    if (from === null || to === null) continue;
    const facts = { 'millrace.schema.id': schemaId, 'millrace.status': schema.status };
    recordSpan('schema', execution, facts, { from, to, hasFailed: schema.status === 'failed' });
  }
}

interface Ended {
  readonly statusMessage: string | null;
  readonly receipt: Receipt | null;
  readonly timing: ExecutionTiming | null;
}

/** For the log: whole milliseconds. */
function factsOfTiming(timing: ExecutionTiming | null) {
  if (timing === null) return {};
  const { bottleneck, lanes, waiting, planning, parts } = timing;
  const timesMs = Object.fromEntries(
    Object.entries({ planning, ...parts, waiting: waiting + (parts.waiting ?? 0) }).map(([part, ms]) => [
      part,
      Math.round(ms),
    ]),
  );
  return { bottleneck, lanes, timesMs };
}

function describeEnd(
  parts: EngineParts,
  run: Run,
  status: ExecutionStatus,
  { statusMessage, receipt, timing }: Ended,
): void {
  const level = status === 'failed' ? 'error' : status === 'completed' ? 'info' : 'warn';
  const verdict = receipt?.verdict ?? null;
  const message = `Ended as ${status}${verdict === null ? '' : `; receipt: ${verdict}`}.${statusMessage === null ? '' : ` ${statusMessage}`}`;
  parts.console[level](run.execution.id, message, {
    payload: { status, verdict, bottleneck: timing?.bottleneck ?? null },
  });
}

/** Closes what this process holds open for an execution: source images and the threads' connections. */
export async function letGo(parts: EngineParts, executionId: string): Promise<void> {
  await retryStore(() => parts.snapshots.close(executionId), parts.draining);
  await parts.threads.release(executionId);
  await retryStore(() => parts.files.letGo(executionId), parts.draining);
  parts.outages.forget(executionId);
  parts.planOutages.forget(executionId);
}

// Schemas that no lane brought to an end were cancelled, or lost every worker that tried. A worker that died between a
// schema's completion and its clean-up left that to us.
async function endOpenSchemas(parts: EngineParts, run: Run, isCanceled: boolean): Promise<void> {
  const executionId = run.execution.id;
  const schemas = await retryStore(() => listRunSchemas(parts.store.db, executionId), parts.draining);
  const isResumed = await retryStore(() => hasItemsOfDead(parts.store.db, executionId), parts.draining);
  const message = isCanceled ? null : 'The work on this schema ended without a result. Start the sync again.';
  for (const { schemaId, status, isPlanned } of schemas) {
    if (!isPlanned || (status === 'completed' && !isResumed)) continue;
    await retryStore(
      () => setSchemaStatus(parts.store.db, executionId, schemaId, isCanceled ? 'canceled' : 'interrupted', message),
      parts.draining,
    );
    const schema = await retryStore(() => findRunSchema(parts.store.db, executionId, schemaId), parts.draining);
    if (schema === null) continue;
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

interface Ending {
  readonly event: 'settle_cancel' | 'complete' | 'complete_with_errors' | 'fail';
  readonly statusMessage: string | null;
}

/** Left alone by the way in which this execution was started. */
function isSkipped(schema: RunSchema): boolean {
  return schema.status === 'completed' && !schema.isPlanned;
}

function decideTest(schemas: readonly RunSchema[]): Ending {
  const failed = schemas.filter((schema) => schema.status === 'failed');
  const [first] = failed;
  if (first === undefined)
    return {
      event: 'complete',
      statusMessage: 'Test: nothing was written. Each schema says what would be done with it.',
    };
  return {
    event: failed.length === schemas.length ? 'fail' : 'complete_with_errors',
    statusMessage: `Test: nothing was written. ${failed.length} of ${schemas.length} schemas cannot be loaded: ${first.schemaId}: ${first.statusMessage ?? 'no reason given'}`,
  };
}

function decide(schemas: readonly RunSchema[], isCanceled: boolean): Ending {
  const unfinished = schemas.filter((schema) => schema.status !== 'completed');
  const failed = unfinished.filter((schema) => schema.status !== 'canceled');
  const isNothingLeft = schemas.length > 0 && unfinished.length === schemas.length && failed.length === 0;
  if (isNothingLeft || (isCanceled && (unfinished.length > 0 || schemas.length === 0)))
    return {
      event: 'settle_cancel',
      statusMessage: 'Cancelled. Schemas that were not finished keep their previous data.',
    };
  const different = schemas.filter((schema) => schema.receipt?.verdict === 'different');
  const first = different[0] ?? failed[0] ?? unfinished[0];
  if (different.length > 0 || (unfinished.length > 0 && unfinished.length === schemas.length)) {
    return { event: 'fail', statusMessage: first?.statusMessage ?? null };
  }
  const rejected = schemas.reduce((sum, schema) => sum + Number(schema.errorCount), 0);
  if (first !== undefined)
    return {
      event: 'complete_with_errors',
      statusMessage:
        failed.length === 0
          ? `${unfinished.length} of ${schemas.length} schemas were cancelled, the first of them ${first.schemaId}.`
          : `${failed.length} of ${schemas.length} schemas failed: ${first.schemaId}: ${first.statusMessage ?? 'no reason given'}`,
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
    depth: run.execution.type === VERIFICATION ? 'checksums' : run.sync.receiptDepth,
    verdict: isDifferent ? 'different' : isProved ? 'equal' : 'unproved',
    schemas: receipts,
  };
}
