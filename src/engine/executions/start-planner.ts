import { type PlanDescription, type PlanRefusal, SyncError, serializeError } from '../../core/index.ts';
import {
  draftRun,
  findPlanSummary,
  listDriftEvents,
  listPlannedSchemas,
  listTakers,
  type NewExecution,
  type Run,
} from '../../store/index.ts';
import { WORKFLOW_PROTOCOL } from '../durable.ts';
import { definitionOf, isLocal, type PlannerParts } from '../engine-parts.ts';
import { describeSchema } from '../planner/describe-plan.ts';
import type { ExecutionPlan } from '../planner/plan-execution.ts';
import { laneCount, writerOf } from '../planner/plan-summary.ts';
import type { SchemaPlan } from '../planner/schema-plan.ts';
import { planInSnapshot } from './plan-run.ts';
import { openSides } from './sides.ts';

/** Plans without an execution, and shows what executions were planned to do. */
export interface Planner {
  /**
   * What this start would do now. Nothing is written anywhere. What keeps anything from being planned is part of the answer.
   * @throws what passes by itself, such as `CONN_LOST`
   */
  planStart(organizationId: string, start: NewExecution, signal: AbortSignal): Promise<PlanDescription>;
  /** What an execution was planned to do, as it was planned; null while it is not. */
  describePlan(execution: Pick<Run['execution'], 'id' | 'syncId' | 'organizationId'>): Promise<PlanDescription | null>;
}

/** Needs no engine that runs: a process that only answers requests has one, too. */
export function createPlanner(parts: PlannerParts): Planner {
  return {
    planStart: (organizationId, start, signal) => planStart(parts, organizationId, start, signal),
    describePlan: (execution) => describePlan(parts, execution),
  };
}

async function planStart(
  parts: PlannerParts,
  organizationId: string,
  start: NewExecution,
  signal: AbortSignal,
): Promise<PlanDescription> {
  const now = new Date();
  const run = await draftRun(parts.store, organizationId, start, now);
  const base = {
    executionId: null,
    plannedAt: now.toISOString(),
    writtenBy: writerOf(definitionOf(parts, run.destination.type)),
  };
  try {
    const plan = await planDraft(parts, run, signal);
    const { added: addedSchemas, drift } = plan;
    const lanes = laneCount(run, plan.planned, base.writtenBy, await usualLanes(parts, run));
    return { ...base, refusals: [], lanes, addedSchemas, drift, schemas: describeSchemas(plan) };
  } catch (error) {
    return { ...base, refusals: [toRefusal(error)], lanes: 0, addedSchemas: [], drift: [], schemas: [] };
  }
}

/** In an image of its own, which is let go of at the end. */
async function planDraft(parts: PlannerParts, run: Run, signal: AbortSignal): Promise<ExecutionPlan> {
  await using sides = await openSides(parts, run);
  await sides.source.check(signal);
  if (sides.source.source === undefined)
    throw new SyncError('INTERNAL', 'A plan was asked for of a connection that cannot be read.');
  await using held = await sides.source.source.openSnapshot(signal);
  const { token, position, lowerBound } = held;
  const snapshot = { epoch: 0, ref: { token, position, lowerBound } };
  return await planInSnapshot(parts, run, sides, { snapshot, only: null }, signal);
}

/** As the workers that live now offer them; of a file's lanes all run in one process, and it is not said yet in which. */
async function usualLanes(parts: PlannerParts, run: Run): Promise<number | undefined> {
  const offers = (await listTakers(parts.store.db, WORKFLOW_PROTOCOL)).map(({ usualLanes: offered }) => offered);
  if (offers.length === 0) return undefined;
  const isHere = isLocal(parts.connectors, [run.source.type, run.destination.type]);
  return isHere ? Math.max(...offers) : offers.reduce((sum, offered) => sum + offered, 0);
}

function describeSchemas({ planned, failed, skipped }: ExecutionPlan): PlanDescription['schemas'] {
  const others = [
    ...failed.map((schema) => ({ ...schema, code: schema.code, outcome: 'refuse' as const })),
    ...skipped.map((schema) => ({ ...schema, code: undefined, outcome: 'skip' as const })),
  ];
  return [
    ...planned.map(({ position, plan, ranges }) => ({
      position,
      // Made by this build's planner.
      schema: describeSchema(plan as SchemaPlan, ranges.map(toText)),
    })),
    ...others.map(({ position, schemaId, outcome, message, code }) => ({
      position,
      schema: {
        schemaId,
        outcome,
        reason: message,
        refusals: code === undefined ? [] : [{ code, message }],
        load: null,
      },
    })),
  ]
    .sort((a, b) => a.position - b.position)
    .map(({ schema }) => schema);
}

/** Every drift event of an execution; more are not kept. */
const MAX_EVENTS = 5_000;

async function describePlan(
  { store }: PlannerParts,
  { id, syncId, organizationId }: Pick<Run['execution'], 'id' | 'syncId' | 'organizationId'>,
): Promise<PlanDescription | null> {
  const summary = await findPlanSummary(store.db, id);
  if (summary === null) return null;
  const rows = await listPlannedSchemas(store.db, id);
  const of = { syncId, executionId: id };
  const { records } = await listDriftEvents(store.db, organizationId, of, { limit: MAX_EVENTS, after: null });
  const { plannedAt, lanes, writtenBy, addedSchemas } = summary;
  const schemas = rows.map(({ schemaId, plan, ranges, statusMessage }) => {
    // Written by this build's planner or an older one, which `describeSchema` knows.
    if (plan !== null) return describeSchema(plan as SchemaPlan, ranges ?? []);
    const refusal = summary.refused[schemaId];
    const outcome = refusal === undefined ? ('skip' as const) : ('refuse' as const);
    const refusals = refusal === undefined ? [] : [refusal];
    return { schemaId, outcome, reason: refusal?.message ?? statusMessage, refusals, load: null };
  });
  return { executionId: id, plannedAt, refusals: [], lanes, writtenBy, addedSchemas, schemas, drift: records };
}

function toText(range: unknown): string {
  // A segment's range, which the source has made.
  return (range as { readonly text: string }).text;
}

/** What a start would be told as well. What passes, and defects, are no part of a plan. */
function toRefusal(error: unknown): PlanRefusal {
  const { code, message } = serializeError(error);
  if (!(error instanceof SyncError) || error.kind !== 'configuration') throw error;
  return { code, message };
}
