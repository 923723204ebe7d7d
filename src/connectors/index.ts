import type { ConnectorDefinition } from '../connector-kit/index.ts';
import { duckdb } from './duckdb/index.ts';
import { postgresql } from './postgresql/index.ts';

/** Every system that this build can open, by connection type. One line each. */
export const CONNECTORS: ReadonlyMap<string, ConnectorDefinition<unknown>> = new Map(
  // Each definition parses its own configuration before it reads it, so the registry may forget the type.
  ([postgresql, duckdb] as readonly ConnectorDefinition<never>[]).map((definition) => [
    definition.type,
    definition as unknown as ConnectorDefinition<unknown>,
  ]),
);
