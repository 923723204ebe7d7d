export { type Engine, startEngine } from './engine.ts';
export { createFailpoints } from './failpoints.ts';
export { routeToOwner } from './owned-connector.ts';
export { ThreadPool } from './pipeline/thread-pool.ts';
export { createPlanner, type Planner } from './start-planner.ts';
