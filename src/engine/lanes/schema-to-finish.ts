import type { Run, WorkItem } from '../../store/index.ts';
import type { RunSpecs } from '../engine-parts.ts';
import type { SchemaPlan } from '../planner/schema-plan.ts';

/** One schema of an execution, at the item that is worked on. */
export interface SchemaToFinish {
  readonly run: Run;
  readonly specs: RunSpecs;
  readonly item: WorkItem;
  readonly plan: SchemaPlan;
  readonly snapshotEpoch: number;
}
