import type { Scene } from '../scene.ts';
import { callBulkSyncs, callExecutions } from './bulk-syncs.ts';
import { callConnections, callProxy, callRefusals, callSchemas } from './connections.ts';
import { callIdentity } from './identity.ts';
import { callModelSyncs } from './model-syncs.ts';
import { callModels, callQueries } from './models.ts';
import { callOrganizations, callOwnOrganization, callPermissions } from './organizations.ts';
import { callTelling } from './telling.ts';

/** What is called in each version, one function per area: every operation with success, at least once. */
export const AREAS: Readonly<Record<string, (scene: Scene) => Promise<void>>> = {
  identity: callIdentity,
  connections: callConnections,
  proxy: callProxy,
  'refused on connections': callRefusals,
  schemas: callSchemas,
  'bulk syncs': callBulkSyncs,
  executions: callExecutions,
  models: callModels,
  queries: callQueries,
  'model syncs': callModelSyncs,
  telling: callTelling,
  organizations: callOrganizations,
  'own organization': callOwnOrganization,
  permissions: callPermissions,
};
