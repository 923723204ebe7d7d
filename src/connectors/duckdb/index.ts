export { duckdb } from './definition.ts';
