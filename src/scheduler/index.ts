export { startHealthChecker } from './health-checker.ts';
export { startJobRunner } from './job-runner.ts';
export { startOutbox } from './outbox.ts';
export { startRetention } from './retention.ts';
export { startScheduleRunner } from './schedule-runner.ts';
export { type SchemaRefresher, startSchemaRefresher } from './schema-refresher.ts';
