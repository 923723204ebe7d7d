import type { Route } from '../../route.ts';
import { bulkSchemaRoutes } from './bulk-schemas.ts';
import { bulkSyncRoutes } from './bulk-syncs.ts';
import { connectionRoutes } from './connections.ts';
import { modelSyncRoutes } from './model-syncs.ts';
import { modelRoutes } from './models.ts';
import { organizationRoutes } from './organizations.ts';
import { permissionRoutes } from './permissions.ts';
import { sourceRoutes } from './sources.ts';
import { userRoutes } from './users.ts';
import { webhookRoutes } from './webhooks.ts';

/** Operations that later versions do not have, or not in this shape. */
export const routesOf20230425: readonly Route[] = [
  ...connectionRoutes,
  ...sourceRoutes,
  ...bulkSyncRoutes,
  ...bulkSchemaRoutes,
  ...modelRoutes,
  ...modelSyncRoutes,
  ...organizationRoutes,
  ...userRoutes,
  ...permissionRoutes,
  ...webhookRoutes,
];
