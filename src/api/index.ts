export { createHealthServer, type Watching } from './health.ts';
export { createServer } from './server.ts';
