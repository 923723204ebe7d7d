import { definitionOf, type EngineParts } from '../engine-parts.ts';
import { toLoadPlan } from '../planner/schema-plan.ts';
import type { SchemaToFinish } from './schema-to-finish.ts';

/** A table that takes longer is left to the server: its next replacement would wait for the end. */
const LIMIT_MS = 60_000;

/**
 * Has the destination's own statistics of a replaced table collected, where it has any. The execution does not wait for
 * them, since they prove nothing; a process that stops does for those that are begun, as long as for work in flight.
 */
export function collectStatistics(parts: EngineParts, { run, specs, item, plan }: SchemaToFinish): void {
  const { destination } = definitionOf(parts, specs.destination.type).capabilities;
  if (destination?.analyzes !== true || plan.kind !== 'replace') return;
  const load = toLoadPlan(plan, { syncId: run.sync.id, executionId: item.executionId, generation: item.generation });
  // Its own: the execution's connections are closed at its end.
  const holder = `${item.executionId} statistics of ${item.schemaId}`;
  const job = { kind: 'analyze', destination: { ...specs.destination, holder }, load } as const;
  const { organizationId } = run.execution;
  const owner = { organizationId, executionId: item.executionId, destinationId: run.destination.id };
  parts.statistics.add(owner, async () => {
    try {
      await parts.threads.run(job, null, AbortSignal.timeout(LIMIT_MS));
    } catch (error) {
      const facts = { executionId: item.executionId, syncId: run.sync.id, schemaId: item.schemaId };
      parts.log.info(facts, `The statistics of the new table were not collected: ${String(error)}`);
    }
    await parts.threads.release(holder).catch(() => {});
  });
}
