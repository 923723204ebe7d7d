import type { ConnectorDefinition } from '../connector-kit/index.ts';
import { api } from './api/index.ts';
import { duckdb } from './duckdb/index.ts';
import { files } from './files/index.ts';
import { parquet } from './parquet/index.ts';
import { postgresql } from './postgresql/index.ts';

const DEFINITIONS: readonly unknown[] = [postgresql, duckdb, files, parquet, api];

/** Every system that this build can open, by connection type. One line each. */
export const CONNECTORS: ReadonlyMap<string, ConnectorDefinition<unknown>> = new Map(
  // A configuration is parsed by its own definition's schema before it comes back to it, so the registry may forget the type.
  (DEFINITIONS as readonly ConnectorDefinition<unknown>[]).map((definition) => [definition.type, definition]),
);
