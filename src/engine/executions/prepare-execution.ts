import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { tableText } from '../../connector-kit/index.ts';
import {
  type DriftEvent,
  firstError,
  isAbort,
  isTerminal,
  SyncError,
  serializeError,
  VERIFICATION,
} from '../../core/index.ts';
import {
  announceWork,
  type ExecutionSchemas,
  findCancellations,
  listTakers,
  loadRun,
  markPlanned,
  type Run,
  recordExecutionEvent,
  rememberSchemas,
  replaceDrift,
  replacePlan,
  requireLiving,
  saveAutoFields,
  savePlanSummary,
} from '../../store/index.ts';
import { type LanePlan, passOn, WORKFLOW_PROTOCOL } from '../durable.ts';
import { definitionOf, type EngineParts, holdFiles, isLocal, retryStore, specsOf } from '../engine-parts.ts';
import type { ExecutionPlan } from '../planner/plan-execution.ts';
import { laneCount, summarizePlan, writerOf } from '../planner/plan-summary.ts';
import type { SchemaPlan } from '../planner/schema-plan.ts';
import { isOutage, type RetryPolicy, waitBeforeRetry } from '../retry.ts';
import { inSpan } from '../tracing.ts';
import { isOutOfReach } from '../workers/outages.ts';
import { planRun } from './plan-run.ts';

/** Tries for about a quarter of a minute: a connection is checked when it is made, so what is out of reach now is likely being restarted. */
const PREPARE_RETRY: RetryPolicy = { maxAttempts: 6, firstDelayMs: 500, maxDelayMs: 15_000 };
const NEVER = new AbortController().signal;

const NO_LANES: LanePlan = { lanes: 0, workers: 1, isLocal: false };

/** A worker that cannot reach a system is not the one to plan, as long as another one lives. */
const PASS_ON_MS = 1_000;

/**
 * Plans an execution and answers which lanes it needs; none when there is nothing to do or it has ended already.
 * Repeatable until it has answered: a plan is replaced whole, and nothing is written to the destination here. Never
 * returns in a process that stops, or has passed the execution on.
 */
export async function prepareExecution(parts: EngineParts, executionId: string): Promise<LanePlan> {
  const lanes = await prepareHere(parts, executionId);
  if (lanes !== 'elsewhere') return lanes;
  await sleep(PASS_ON_MS);
  if (!parts.draining.aborted) {
    // Else who takes the execution would wait for a file that we do nothing with.
    await parts.threads.release(executionId);
    await retryStore(() => parts.files.letGo(executionId), parts.draining);
    await retryStore(() => passOn(executionId), parts.draining);
    await retryStore(() => announceWork(parts.store.db), parts.draining);
  }
  return new Promise<never>(() => {});
}

async function prepareHere(parts: EngineParts, executionId: string): Promise<LanePlan | 'elsewhere'> {
  using watch = parts.cancels.watch(executionId);
  const stop = AbortSignal.any([watch.signal, parts.draining]);
  if (parts.planOutages.isPaused(executionId) && parts.others() > 0) return 'elsewhere';
  for (let failures = 0; ; ) {
    try {
      const lanes = await prepareOnce(parts, executionId, stop);
      parts.planOutages.forget(executionId);
      return lanes;
    } catch (thrown) {
      const error = firstError(thrown);
      if (parts.draining.aborted) return 'elsewhere';
      if (watch.signal.aborted || isAbort(error) || (await isOver(parts, executionId))) return NO_LANES;
      failures += 1;
      const shown = describeFailure(parts, executionId, error, failures);
      if (isOutOfReach(error) && parts.others() > 0) {
        parts.planOutages.add(executionId, error);
        if (!parts.planOutages.isHopeless(executionId)) return 'elsewhere';
      } else if (isOutage(error) && failures < PREPARE_RETRY.maxAttempts) {
        await waitBeforeRetry(PREPARE_RETRY, failures, error, parts.random, stop).catch(() => {});
        continue;
      }
      await parts.console.flush();
      await recordFailure(parts, executionId, shown);
      return NO_LANES;
    }
  }
}

/** What was stopped or deleted a moment ago fails in any way, and that is no failure. The watch looks only now and then. */
async function isOver(parts: EngineParts, executionId: string): Promise<boolean> {
  const { stopped } = await retryStore(() => findCancellations(parts.store.db, [executionId]), NEVER);
  return stopped.has(executionId);
}

async function recordFailure(parts: EngineParts, executionId: string, statusMessage: string): Promise<void> {
  try {
    await retryStore(() => recordExecutionEvent(parts.store, executionId, 'fail', { statusMessage }), NEVER);
  } catch (error) {
    // Deleted meanwhile.
    if (!(error instanceof SyncError) || error.code !== 'NOT_FOUND') throw error;
  }
}

/** Logs it. @returns its sentence for people */
function describeFailure(parts: EngineParts, executionId: string, error: unknown, attempt: number): string {
  const { code, message } = serializeError(error);
  const shown =
    code === 'INTERNAL'
      ? `An unexpected failure inside Millrace while planning: ${message.split('\n')[0] ?? ''}`
      : message;
  parts.log.warn({ executionId, code, attempt }, `Planning failed: ${message}`);
  parts.console.warn(executionId, shown, { payload: { code, attempt } });
  return shown;
}

async function prepareOnce(parts: EngineParts, executionId: string, stop: AbortSignal): Promise<LanePlan> {
  const status = await retryStore(() => recordExecutionEvent(parts.store, executionId, 'start'), stop);
  if (isTerminal(status) || status === 'canceling') return NO_LANES;
  const run = await retryStore(() => loadRun(parts.store, executionId), stop);
  const { resyncMode, fetchMode, type } = run.execution;
  parts.console.info(executionId, 'Planning begins.', {
    payload: { type, schemas: run.schemas.length, resync_mode: resyncMode, fetch_mode: fetchMode },
  });
  if (!run.execution.isTest) parts.threads.warm();
  const specs = specsOf(parts, run);
  const { source, destination } = specs;
  parts.visited.add(executionId);
  await holdFiles(parts, run, specs, stop);
  const plan = await inSpan('execution.plan', run.execution, {}, () =>
    parts.reach.during([source, destination], stop, (signal) => planRun(parts, run, signal)),
  );
  const lanes = await retryStore(() => planLanes(parts, run, plan), stop);
  await retryStore(() => savePlan(parts, run, plan, lanes.lanes), stop);
  parts.failpoint('planned');
  describePlan(parts, run, plan);
  return run.execution.isTest ? NO_LANES : lanes;
}

/** Files have one owner, and in a process that shares its metadata with none nobody else could take a lane: all then run here. */
async function planLanes(parts: EngineParts, run: Run, { planned }: ExecutionPlan): Promise<LanePlan> {
  const isHere = isLocal(parts.connectors, [run.source.type, run.destination.type]);
  const takers = await listTakers(parts.store.db, WORKFLOW_PROTOCOL);
  const workers = isHere ? takers.filter(({ id }) => id === parts.workerId) : takers;
  const usual = workers.reduce((sum, { usualLanes }) => sum + usualLanes, 0);
  return {
    lanes: laneCount(run, planned, writerOf(definitionOf(parts, run.destination.type)), usual),
    workers: Math.max(1, workers.length),
    isLocal: isHere || parts.isSoleProcess,
  };
}

/** In one transaction with what is remembered of the choice of fields. */
function savePlan(parts: EngineParts, run: Run, plan: ExecutionPlan, lanes: number): Promise<void> {
  if (run.execution.isTest) return parts.store.transaction(({ db }) => replacePlan(db, run.execution, toTest(plan)));
  const known = new Map(run.schemas.map(({ schemaId, autoFields }) => [schemaId, autoFields]));
  return parts.store.transaction(async ({ db }) => {
    // Planned again elsewhere meanwhile, it must not be replaced under the lanes.
    await requireLiving(db, parts.workerId);
    await replacePlan(db, run.execution, plan);
    await markPlanned(db, run.execution.id);
    // A comparison leaves nothing for the next run of the sync.
    if (run.execution.type === VERIFICATION) return;
    await savePlanSummary(db, run.execution.id, summarizePlan(definitionOf(parts, run.destination.type), lanes, plan));
    await replaceDrift(db, run.execution, plan.drift);
    await rememberSchemas(db, run.execution, plan.seenChanges);
    const taken = plan.planned
      // Made by this build's planner.
      .map(({ schemaId, plan: stored }) => [schemaId, (stored as SchemaPlan).autoFields] as const)
      .filter(([schemaId, autoFields]) => !isDeepStrictEqual(known.get(schemaId) ?? null, autoFields));
    await saveAutoFields(db, run.sync.id, new Map(taken));
  });
}

/** What a test leaves: for each schema what an execution would do with it. */
function toTest({ planned, failed, skipped, added }: ExecutionPlan): ExecutionSchemas {
  const refused = planned.flatMap(({ schemaId, position, plan }) => {
    // Made by this build's planner.
    const { preview } = plan as SchemaPlan;
    const [refusal] = preview?.refusals ?? [];
    return refusal === undefined ? [] : [{ schemaId, position, message: refusal.message }];
  });
  const isRefused = new Set(refused.map(({ schemaId }) => schemaId));
  const taken = new Set(added);
  const described = planned.flatMap(({ plan, ...schema }) => {
    if (isRefused.has(schema.schemaId)) return [];
    // Made by this build's planner.
    const { kind, kindReason, table } = plan as SchemaPlan;
    const isNew = taken.has(schema.schemaId) ? 'Would be added to the sync, since it is new in the source. ' : '';
    const records = schema.estimatedRecords === null ? '' : `; about ${schema.estimatedRecords} records`;
    const message = `${isNew}Would be loaded into ${tableText(table)} as ${kind}: ${kindReason}${records}.`;
    return [{ schemaId: schema.schemaId, position: schema.position, outputName: schema.outputName, message }];
  });
  return { planned: [], failed: [...failed, ...refused], skipped: [...described, ...skipped] };
}

function describePlan(parts: EngineParts, run: Run, plan: ExecutionPlan): void {
  const executionId = run.execution.id;
  for (const schemaId of plan.added)
    parts.console.info(executionId, 'New in the source; the sync takes it along.', { schemaId });
  for (const event of plan.drift) {
    const { schemaId, kind, field, before, after } = event;
    const facts = { schemaId, payload: { kind, field, before, after } };
    if (event.needsAttention) parts.console.warn(executionId, describeDrift(event), facts);
    else parts.console.info(executionId, describeDrift(event), facts);
  }
  for (const { schemaId, message } of plan.skipped) parts.console.info(executionId, message, { schemaId });
  for (const schema of plan.planned) {
    // Written a line above by this build's planner.
    const { kind, kindReason, format, formatReason } = schema.plan as SchemaPlan;
    parts.log.info(
      { executionId, syncId: run.sync.id, schemaId: schema.schemaId, kind, format, segments: schema.ranges.length },
      `Planned: ${kindReason}; ${formatReason}.`,
    );
    parts.console.info(executionId, `Planned as ${kind}: ${kindReason}; ${formatReason}.`, {
      schemaId: schema.schemaId,
      payload: { load: kind, format, segments: schema.ranges.length, output_name: schema.outputName },
    });
  }
  for (const { schemaId, message } of plan.failed)
    parts.console.error(executionId, `Not loaded: ${message}`, { schemaId });
}

function describeDrift({ kind, field, before, after, outcome }: DriftEvent): string {
  const what = field === null ? 'The source has changed' : `The field ${field} has changed in the source`;
  return `${what} (${kind.replace('_', ' ')}: ${before ?? 'nothing'} → ${after ?? 'nothing'}). ${outcome}`;
}
