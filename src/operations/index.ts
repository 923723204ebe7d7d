export { type Actor, loadActorNames, toActorColumns } from './actors.ts';
export type { Caller, ConnectorRegistry, Context, ExecutionQueue, Services } from './context.ts';
export { authenticate, bootstrap, type Credentials, type FirstKeys, isMetadataReachable } from './identity.ts';
