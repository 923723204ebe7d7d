import type { Capabilities, ConnectorDefinition } from '../../connector-kit/index.ts';
import { type SchemaDescription, SyncError } from '../../core/index.ts';
import {
  type ConnectionRecord,
  findCachedSchema,
  listCachedSchemas,
  readSchemaCacheState,
  type SchemaCacheState,
} from '../../store/index.ts';
import { definitionOf } from '../connections/configuration.ts';
import { requireConnection } from '../connections/connections.ts';
import { withConnector } from '../connections/with-connector.ts';
import type { Context } from '../context.ts';
import type { PolicyAction } from '../permissions/authorize.ts';
import { notReady } from './not-ready.ts';

/** What a bulk sync may read from a connection. */
export interface BulkSource {
  readonly capabilities: NonNullable<Capabilities['source']>;
  readonly schemas: readonly SchemaDescription[];
}

/** A stored connection that can be read from. */
export interface SourceConnection {
  readonly connection: ConnectionRecord;
  readonly definition: ConnectorDefinition<unknown>;
  readonly capabilities: NonNullable<Capabilities['source']>;
}

/**
 * The source that a path names, for something that the caller may do with it.
 * @throws `NOT_FOUND` for an unknown connection, `FORBIDDEN`, `FEATURE_NOT_SUPPORTED` for one that cannot be read from
 */
export async function requireSource(
  context: Context,
  connectionId: string,
  action: PolicyAction = 'read',
): Promise<SourceConnection> {
  const connection = await requireConnection(context, connectionId, action);
  const definition = definitionOf(context, connection);
  const { source } = definition.capabilities;
  if (source !== undefined) return { connection, definition, capabilities: source };
  throw new SyncError(
    'FEATURE_NOT_SUPPORTED',
    `Connection "${connection.name}" (${definition.label}) cannot be a bulk source.`,
  );
}

/** How fresh a source's schemas are. @throws `NOT_FOUND`, `FEATURE_NOT_SUPPORTED` */
export async function getSchemaStatus(context: Context, connectionId: string): Promise<SchemaCacheState> {
  await requireSource(context, connectionId);
  return readSchemaCacheState(context.store.db, context.caller.organizationId, connectionId);
}

/**
 * What a bulk sync may read, from the cache.
 * @throws `SCHEMA_CACHE_NOT_READY` while the first refresh runs, `SCHEMAS_NOT_LOADED` when none succeeded
 */
export async function getBulkSource(context: Context, connectionId: string): Promise<BulkSource> {
  const { capabilities } = await requireSource(context, connectionId);
  await requireSchemas(context, connectionId);
  return {
    capabilities,
    schemas: await listCachedSchemas(context.store.db, context.caller.organizationId, connectionId),
  };
}

async function requireSchemas(context: Context, connectionId: string): Promise<void> {
  const state = await readSchemaCacheState(context.store.db, context.caller.organizationId, connectionId);
  if (state.isFilled) return;
  if (state.status === 'refreshing') throw notReady('the schemas of this connection are read for the first time');
  throw new SyncError(
    'SCHEMAS_NOT_LOADED',
    `The connection did not provide any schemas: ${state.error ?? 'they have not been read yet'}. Refresh them, then try again.`,
  );
}

/** One cached schema. @throws `NOT_FOUND`, and as `getBulkSource` */
export async function getSchema(context: Context, connectionId: string, schemaId: string): Promise<SchemaDescription> {
  await requireSource(context, connectionId);
  const { organizationId } = context.caller;
  const schema = await findCachedSchema(context.store.db, organizationId, connectionId, schemaId);
  if (schema !== undefined) return schema;
  await requireSchemas(context, connectionId);
  throw new SyncError('NOT_FOUND', `Connection ${connectionId} has no schema "${schemaId}".`);
}

/** A sample is for a look at the data, not for reading it. */
const SAMPLE_RECORDS = 10;
const SAMPLE_LIMIT_MS = 30_000;

/** A few records of one schema, read from the system now. @throws `NOT_FOUND`, and what the system says */
export async function sampleRecords(
  context: Context,
  connectionId: string,
  schemaId: string,
): Promise<readonly Readonly<Record<string, unknown>>[]> {
  const schema = await getSchema(context, connectionId, schemaId);
  const connection = await requireConnection(context, connectionId);
  const records = await withConnector(
    context,
    connection,
    async ({ source }) => source?.sample(schemaId, SAMPLE_RECORDS, AbortSignal.timeout(SAMPLE_LIMIT_MS)) ?? [],
  );
  return records.map((record) => ({ ...record, ...readUserFields(schema, record) }));
}

/** Values of the fields that users added, as they lie in the record; null where there is none. */
function readUserFields(
  schema: SchemaDescription,
  record: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  const added = schema.fields.filter((field) => field.userPath !== undefined);
  return Object.fromEntries(added.map(({ id, userPath }) => [id, valueAt(record, userPath ?? [])]));
}

function valueAt(given: unknown, [key, ...rest]: readonly string[]): unknown {
  if (key === undefined) return given ?? null;
  const value = typeof given === 'string' ? parseJson(given) : given;
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return null;
  return valueAt(Object.entries(value).find(([name]) => name === key)?.[1], rest);
}

/** Text that holds no JSON has no values inside. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
