import type { Route } from '../../route.ts';
import { bulkSchemaRoutes } from './bulk-schemas.ts';
import { bulkSyncRoutes } from './bulk-syncs.ts';
import { eventRoutes } from './events.ts';
import { executionRoutes } from './executions.ts';
import { modelSyncRoutes } from './model-syncs.ts';
import { modelRoutes } from './models.ts';
import { organizationRoutes } from './organizations.ts';
import { sharedConnectionRoutes } from './shared-connections.ts';

/** Operations that later versions do not have, or not in this shape. */
export const routesOf20240208: readonly Route[] = [
  ...bulkSyncRoutes,
  ...bulkSchemaRoutes,
  ...executionRoutes,
  ...eventRoutes,
  ...modelRoutes,
  ...modelSyncRoutes,
  ...organizationRoutes,
  ...sharedConnectionRoutes,
];
