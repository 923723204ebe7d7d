import { availableParallelism } from 'node:os';
import type { ConnectorDefinition } from '../../connector-kit/index.ts';
import type { PlacedWriter } from '../../core/index.ts';
import type { PlannedSchema, PlanSummary, Run } from '../../store/index.ts';
import type { ExecutionPlan } from './plan-execution.ts';

/** Each holds a session on both sides. */
const MAX_LANES = 64;

/** What of an execution's plan is kept beside its schemas'. */
export function summarizePlan(
  destination: Pick<ConnectorDefinition<unknown>, 'capabilities'>,
  lanes: number,
  plan: ExecutionPlan,
): PlanSummary {
  const refused = plan.failed.flatMap(({ schemaId, code, message }) =>
    code === undefined ? [] : [[schemaId, { code, message }] as const],
  );
  return {
    plannedAt: new Date().toISOString(),
    lanes,
    writtenBy: writerOf(destination),
    addedSchemas: plan.added,
    refused: Object.fromEntries(refused),
  };
}

/** A file has one owner thread in one process; a server is written to by every worker. */
export function writerOf({ capabilities }: Pick<ConnectorDefinition<unknown>, 'capabilities'>): PlacedWriter {
  return capabilities.destination?.placement === 'owner' ? 'one_process' : 'any_worker';
}

/**
 * Pipelines that an execution keeps at work, at most. Loads into a file take turns, so there is one more: while it loads, the
 * others read.
 * @param offered by the living workers, for a sync without a limit of its own
 */
export function laneCount(
  { sync, execution }: Run,
  planned: readonly PlannedSchema[],
  writtenBy: PlacedWriter,
  offered: number = Math.max(2, availableParallelism()),
): number {
  const reads = planned.reduce((sum, schema) => sum + schema.ranges.length, 0);
  const ofResync = execution.resyncMode === null ? null : sync.resyncConcurrencyLimit;
  const usual = writtenBy === 'one_process' ? offered + 1 : offered;
  const limit = ofResync ?? sync.concurrencyLimit ?? usual;
  return Math.max(0, Math.min(limit, reads, MAX_LANES));
}
