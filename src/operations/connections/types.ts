import { z } from 'zod';
import type { ConnectorDefinition } from '../../connector-kit/index.ts';
import { SyncError } from '../../core/index.ts';
import type { ScopedServices } from '../context.ts';

/** A kind of system that connections can be made to. */
export interface ConnectionType {
  readonly id: string;
  readonly name: string;
  readonly isSource: boolean;
  readonly isDestination: boolean;
  /** What a connection of the type can be used for. */
  readonly operations: readonly string[];
  /** JSON Schema of its configuration. */
  readonly schema: Readonly<Record<string, unknown>>;
}

/** Every connection type, by name. */
export function listConnectionTypes(services: ScopedServices): ConnectionType[] {
  return [...services.connectors.values()].map(toConnectionType).sort((a, b) => a.name.localeCompare(b.name));
}

/** One connection type. @throws `NOT_FOUND` */
export function getConnectionType(services: ScopedServices, id: string): ConnectionType {
  return toConnectionType(requireKnownType(services, id));
}

/** The connector of a type that a path names. @throws `NOT_FOUND` */
export function requireKnownType(services: ScopedServices, id: string): ConnectorDefinition<unknown> {
  const definition = services.connectors.get(id);
  if (definition === undefined) throw new SyncError('NOT_FOUND', `There is no connection type "${id}".`);
  return definition;
}

/** A connector as the API shows it. */
export function toConnectionType(definition: ConnectorDefinition<unknown>): ConnectionType {
  const { source, destination } = definition.capabilities;
  return {
    id: definition.type,
    name: definition.label,
    isSource: source !== undefined,
    isDestination: destination !== undefined,
    operations: [
      ...(source === undefined ? [] : ['bulksyncsource']),
      ...(destination === undefined ? [] : ['bulksyncdestination']),
    ],
    schema: toJsonSchema(definition),
  };
}

/** Made once per definition: it never changes while the process lives, and lists ask for it often. */
const SCHEMAS = new WeakMap<object, Readonly<Record<string, unknown>>>();

function toJsonSchema(definition: ConnectorDefinition<unknown>): Readonly<Record<string, unknown>> {
  const known = SCHEMAS.get(definition);
  if (known !== undefined) return known;
  const { $schema: _, ...schema } = z.toJSONSchema(definition.config, { io: 'input', unrepresentable: 'any' });
  const properties = Object.entries(schema.properties ?? {}).map(([key, property]) => [
    key,
    // Objects and lists say themselves what in them is secret.
    definition.secrets.includes(key) && typeof property === 'object' && property.type === 'string'
      ? { ...property, format: 'password', writeOnly: true }
      : property,
  ]);
  const made = { title: definition.label, ...schema, properties: Object.fromEntries(properties) };
  SCHEMAS.set(definition, made);
  return made;
}
