export { type Engine, type EngineOptions, startEngine } from './engine.ts';
export type { EngineLog } from './engine-parts.ts';
export { createFailpoints } from './failpoints.ts';
export { routeToOwner } from './owned-connector.ts';
export { ThreadPool } from './pipeline/thread-pool.ts';
