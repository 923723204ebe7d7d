export type { SqlDialect } from './dialect.ts';
export { toFilterCondition } from './filters.ts';
export { POSTGRESQL } from './postgresql.ts';
