import { definitionOf, type EngineParts } from '../engine-parts.ts';
import { toLoadPlan } from '../planner/schema-plan.ts';
import type { SchemaToFinish } from './schema-to-finish.ts';

/** Longer than any sample of a table takes. */
const LIMIT_MS = 600_000;

/** Has the destination's own statistics of a replaced table collected, where it has any. */
export function collectStatistics(parts: EngineParts, { run, specs, item, plan }: SchemaToFinish): void {
  const { destination } = definitionOf(parts, specs.destination.type).capabilities;
  if (destination?.analyzes !== true || plan.kind !== 'replace') return;
  const load = toLoadPlan(plan, { syncId: run.sync.id, executionId: item.executionId, generation: item.generation });
  // Its own: the execution's connections are closed at its end.
  const holder = `${item.executionId} statistics of ${item.schemaId}`;
  const job = { kind: 'analyze', destination: { ...specs.destination, holder }, load } as const;
  parts.statistics.add(async () => {
    const work = parts.threads
      .run(job, null, AbortSignal.timeout(LIMIT_MS))
      .then(() => parts.threads.release(holder))
      .catch((error: unknown) => {
        const facts = { executionId: item.executionId, syncId: run.sync.id, schemaId: item.schemaId };
        parts.log.info(facts, `The statistics of the new table were not collected: ${String(error)}`);
        return parts.threads.release(holder).catch(() => {});
      });
    parts.inFlight.add(work);
    await work;
    parts.inFlight.delete(work);
  });
}
