export { DUCKDB } from './duckdb.ts';
export { toFilterCondition } from './filters.ts';
export { POSTGRESQL } from './postgresql.ts';
