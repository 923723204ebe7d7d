import type { ConnectorContext, LoadPlan, LossGuard } from '../../../../connector-kit/index.ts';
import type { Names } from '../naming.ts';

/** One publication under way. */
export interface PublishScene {
  readonly plan: LoadPlan;
  readonly names: Names;
  readonly guard: LossGuard;
  readonly context: Pick<ConnectorContext, 'failpoint'>;
}
