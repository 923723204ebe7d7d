import type { Route } from '../route.ts';
import { olderRoutes } from '../versions/index.ts';
import { auditRoutes } from './audit.ts';
import { bulkEndpointRoutes } from './bulk-endpoints.ts';
import { bulkExtraRoutes } from './bulk-extras.ts';
import { bulkScheduleRoutes } from './bulk-schedules.ts';
import { bulkSchemaRoutes } from './bulk-schemas.ts';
import { bulkSyncRoutes } from './bulk-syncs.ts';
import { connectionParameterRoutes, connectRoutes } from './connection-parameters.ts';
import { connectionSettingsRoutes } from './connection-settings.ts';
import { connectionTypeRoutes } from './connection-types.ts';
import { connectionRoutes } from './connections.ts';
import { driftRoutes } from './drift.ts';
import { entityRoutes } from './entities.ts';
import { eventRoutes } from './events.ts';
import { executionLogRoutes } from './execution-logs.ts';
import { executionRoutes } from './executions.ts';
import { identityRoutes } from './identity.ts';
import { jobRoutes } from './jobs.ts';
import { modelExecutionRoutes } from './model-syncs/executions.ts';
import { modelSyncRoutes } from './model-syncs/syncs.ts';
import { modelTargetRoutes } from './model-targets.ts';
import { modelRoutes } from './models/models.ts';
import { modelSourceRoutes } from './models/sources.ts';
import { notificationRoutes } from './notifications.ts';
import { organizationRoutes } from './organizations.ts';
import { permissionRoutes } from './permissions.ts';
import { planRoutes } from './plans.ts';
import { proxyRoutes } from './proxy.ts';
import { queryRoutes } from './queries.ts';
import { schemaOverrideRoutes } from './schema-overrides.ts';
import { schemaRoutes } from './schemas.ts';
import { sharedConnectionRoutes } from './shared-connections.ts';
import { timingRoutes } from './timing.ts';
import { userRoutes } from './users.ts';
import { watchingRoutes } from './watching.ts';
import { webhookRoutes } from './webhooks.ts';

/** Every operation of the API, one list per resource. */
export const ROUTES: readonly Route[] = [
  ...connectionTypeRoutes,
  ...connectionRoutes,
  ...connectionParameterRoutes,
  ...sharedConnectionRoutes,
  ...proxyRoutes,
  ...connectRoutes,
  ...connectionSettingsRoutes,
  ...schemaRoutes,
  ...schemaOverrideRoutes,
  ...bulkEndpointRoutes,
  ...modelTargetRoutes,
  ...modelSyncRoutes,
  ...modelExecutionRoutes,
  ...bulkSyncRoutes,
  ...bulkSchemaRoutes,
  ...bulkScheduleRoutes,
  ...executionRoutes,
  ...watchingRoutes,
  ...bulkExtraRoutes,
  ...driftRoutes,
  ...timingRoutes,
  ...planRoutes,
  ...auditRoutes,
  ...executionLogRoutes,
  ...entityRoutes,
  ...eventRoutes,
  ...webhookRoutes,
  ...notificationRoutes,
  ...identityRoutes,
  ...organizationRoutes,
  ...userRoutes,
  ...permissionRoutes,
  ...olderRoutes,
  ...jobRoutes,
  ...modelRoutes,
  ...modelSourceRoutes,
  ...queryRoutes,
];
