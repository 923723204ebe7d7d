import { join, resolve } from 'node:path';

/** Names of everything that the demo makes, and so of everything that it may drop and build again. */
export const DEMO = {
  sourceDatabase: 'demo_source',
  destinationDatabase: 'demo_destination',
  destinationSchema: 'demo',
  duckdbFile: 'flights.duckdb',
  connections: { source: 'Demo source', postgresql: 'Demo PostgreSQL', duckdb: 'Demo DuckDB file' },
  syncs: { postgresql: 'Demo: flights to PostgreSQL', duckdb: 'Demo: flights to DuckDB' },
} as const;

/** Records that the demo changes between its two runs. */
export const CHANGED_FLIGHTS = 5_000;

/** The repository's folder. */
export const ROOT = resolve(import.meta.dirname, '..');

/** Home folder of the demo and of `npm start`. */
export const HOME = resolve(process.env.MILLRACE_HOME ?? join(ROOT, '.millrace'));
