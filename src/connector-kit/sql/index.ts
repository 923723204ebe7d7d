export { DUCKDB } from './duckdb.ts';
export { toFilterCondition } from './filters.ts';
export { POSTGRESQL } from './postgresql.ts';
export { quoteName, quoteTable, quoteText } from './quote.ts';
