export { type DuckdbConfig, duckdb } from './definition.ts';
