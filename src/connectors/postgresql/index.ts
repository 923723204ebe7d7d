export type { PostgresqlConfig } from './config.ts';
export { postgresql } from './definition.ts';
