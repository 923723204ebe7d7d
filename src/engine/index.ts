export { type Engine, startEngine } from './engine.ts';
export { createPlanner, type Planner } from './executions/start-planner.ts';
export { createFailpoints } from './failpoints.ts';
export { routeToOwner } from './owned-connector.ts';
export { ThreadPool } from './pipeline/thread-pool.ts';
