import type { ConnectorContext, LoadPlan, LossGuard, PublishCounts, Reject } from '../../../../connector-kit/index.ts';
import type { Names } from '../naming.ts';

/** One publication under way. */
export interface PublishScene {
  readonly plan: LoadPlan;
  readonly names: Names;
  readonly guard: LossGuard;
  readonly context: Pick<ConnectorContext, 'failpoint'>;
}

/** What a publication leaves in the destination's state. */
export interface Publication extends PublishCounts {
  /** Keys of records that were refused on their way into the stage, as the live table writes them: what it holds under them stays. */
  readonly kept: readonly NonNullable<Reject['key']>[];
}
