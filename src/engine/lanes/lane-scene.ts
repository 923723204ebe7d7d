import type { Run, WorkItem } from '../../store/index.ts';
import type { EngineParts, RunSpecs } from '../engine-parts.ts';
import type { SchemaPlan } from '../planner/schema-plan.ts';
import { isFull } from '../retry.ts';
import type { Watch } from '../workers/cancellation.ts';
import type { Turn } from '../workers/turns.ts';
import type { LaneClock } from './lane-clock.ts';

/** Other lanes end most schemas that this one has worked on, without its hearing of it. */
const MAX_REMEMBERED = 100;

/** One lane at work on one execution. */
export interface Lane {
  readonly parts: EngineParts;
  readonly run: Run;
  readonly specs: RunSpecs;
  readonly laneId: string;
  readonly stop: AbortSignal;
  readonly watch: Watch;
  readonly turn: Turn;
  readonly clock: LaneClock;
  /** Schemas that this lane has worked on and not seen the end of. */
  readonly unfinished: Map<string, Unfinished>;
}

/** A schema that was begun: what its clean-up needs when the metadata has forgotten it. */
export interface Unfinished {
  readonly item: Pick<WorkItem, 'executionId' | 'schemaId' | 'generation'>;
  readonly plan: SchemaPlan;
  readonly snapshotEpoch: number;
}

/** Keeps a schema's plan with the lane, the newest of some. */
export function remember(
  { unfinished }: Lane,
  item: Unfinished['item'],
  { plan, snapshotEpoch }: Pick<Unfinished, 'plan' | 'snapshotEpoch'>,
): void {
  unfinished.delete(item.schemaId);
  unfinished.set(item.schemaId, { item, plan, snapshotEpoch });
  const [oldest] = unfinished.keys();
  if (unfinished.size > MAX_REMEMBERED && oldest !== undefined) unfinished.delete(oldest);
}

/** Lanes that have one session each would wait for each other's second one. */
export function narrowIfFull({ parts, run }: Pick<Lane, 'parts' | 'run'>, error: unknown): void {
  if (isFull(error)) parts.places.narrow(run.execution.id);
}
