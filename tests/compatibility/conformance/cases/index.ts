import type { Scene } from '../scene.ts';
import { callBulkSyncs, callExecutions } from './bulk-syncs.ts';
import { callConnections, callSchemas } from './connections.ts';
import { callIdentity } from './identity.ts';

/** What is called in each version, one function per area: every operation with success, at least once. */
export const AREAS: Readonly<Record<string, (scene: Scene) => Promise<void>>> = {
  identity: callIdentity,
  connections: callConnections,
  schemas: callSchemas,
  'bulk syncs': callBulkSyncs,
  executions: callExecutions,
};
