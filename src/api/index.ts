export { createHealthServer } from './health.ts';
export { createServer } from './server.ts';
