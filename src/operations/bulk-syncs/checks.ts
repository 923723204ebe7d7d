import type { Capabilities } from '../../connector-kit/index.ts';
import {
  type BulkMode,
  findNameFault,
  readDestinationOptions,
  type SchemaDescription,
  SyncError,
} from '../../core/index.ts';
import { findConnection, type ScheduleSettings } from '../../store/index.ts';
import type { Context } from '../context.ts';
import { authorize, newPolicies } from '../permissions/authorize.ts';
import { refuseField } from '../refusals.ts';
import { getBulkSource } from '../schemas/source.ts';
import { checkConfiguration } from './configuration.ts';
import type { BulkSyncInput } from './input.ts';
import { checkSchedule, type ScheduleInput } from './schedules/schedule-rules.ts';
import { sameSettings } from './schedules/schedules.ts';

export type SourceCapabilities = NonNullable<Capabilities['source']>;
export type DestinationCapabilities = NonNullable<Capabilities['destination']>;

/** What a sync has that is changed, as far as a change of it is told from what stays. */
interface CurrentSync {
  readonly policies: readonly string[];
  readonly schedules: readonly ScheduleSettings[];
}

/** What both ends of a checked sync can do, and the policies that will hang on it. */
export interface CheckedSync {
  readonly source: SourceCapabilities;
  readonly destination: DestinationCapabilities;
  /** As given, or the destination's first. */
  readonly mode: BulkMode;
  readonly policies: string[];
}

/** What stays of a table's name behind its prefix, at least. */
const MIN_NAME_BYTES = 16;

/** More lanes than any machine has use for. */
const MAX_CONCURRENCY = 1000;

/**
 * Checks everything about a sync but its selection, and that the caller may read its source and sync to its destination.
 * @param current of the sync that is changed; null for a new one
 * @throws `REQUEST_REFUSED` naming the first field that a rule refuses; `FORBIDDEN`
 */
export async function checkBulkSync(
  context: Context,
  input: BulkSyncInput,
  current: CurrentSync | null,
): Promise<CheckedSync> {
  checkOwnValues(context, input);
  checkSchedules(input, current?.schedules ?? []);
  const source = await loadSource(context, input.sourceConnectionId);
  const destination = await loadDestination(context, input.destinationConnectionId);
  await permitSide(context, input.sourceConnectionId, 'read');
  await permitSide(context, input.destinationConnectionId, 'sync_to');
  const mode = input.mode ?? destination.modes[0];
  if (mode === undefined || !destination.modes.includes(mode)) {
    throw refuseField('mode', `this destination offers ${destination.modes.join(', ')} and not "${mode}"`);
  }
  checkConfiguration(input.sourceConfiguration ?? {}, source.configuration, 'source_configuration');
  checkConfiguration(input.destinationConfiguration, destination.configuration, 'destination_configuration');
  checkSchemaName(input.destinationConfiguration.schema, destination);
  checkTablePrefix(readDestinationOptions(input.destinationConfiguration).tablePrefix, destination);
  checkScheduledModes(input, destination);
  return {
    source,
    destination,
    mode,
    policies: await newPolicies(context, 'bulk_sync', input.policies, current?.policies ?? []),
  };
}

/** Tables are cut to the limit by a rule; a schema is the user's own choice and is taken literally. */
function checkSchemaName(name: unknown, { maxNameBytes, reservedSchemas }: DestinationCapabilities): void {
  if (typeof name !== 'string') return;
  const field = 'destination_configuration.schema';
  if (maxNameBytes !== null && Buffer.byteLength(name) > maxNameBytes)
    throw refuseField(field, `must have at most ${maxNameBytes} bytes`);
  if (reservedSchemas.test(name)) throw refuseField(field, `"${name}" is reserved; choose another schema`);
}

/** Behind the longest prefix there is room for a letter and for what tells cut names apart. */
function checkTablePrefix(prefix: string, { maxNameBytes }: DestinationCapabilities): void {
  if (prefix === '') return;
  const field = 'destination_configuration.advanced.table_prefix';
  const fault = findNameFault(prefix, { maxBytes: maxNameBytes === null ? null : maxNameBytes - MIN_NAME_BYTES });
  if (fault !== null) throw refuseField(field, fault);
}

/** Found out at save, and not in the middle of the night. */
function checkScheduledModes({ additionalSchedules }: BulkSyncInput, { resyncModes }: DestinationCapabilities): void {
  for (const [index, { settings }] of additionalSchedules.entries()) {
    const { resyncMode = 'normal' } = settings;
    if (resyncMode === 'normal' || resyncModes.includes(resyncMode)) continue;
    const offered = ['normal', ...resyncModes].join(', ');
    throw refuseField(`additional_schedules[${index}].resync_mode`, `this destination offers ${offered}`);
  }
}

function checkOwnValues(context: Context, input: BulkSyncInput): void {
  if (input.organizationId !== null && input.organizationId !== context.caller.organizationId) {
    throw refuseField('organization_id', 'the key belongs to another organization; leave it out');
  }
  checkLimit(input.concurrencyLimit, 'concurrency_limit');
  checkLimit(input.resyncConcurrencyLimit, 'resync_concurrency_limit');
}

function checkSchedules(input: BulkSyncInput, stored: readonly ScheduleSettings[]): void {
  const check = ({ settings }: ScheduleInput, field: string): void =>
    checkSchedule(settings, field, { isStored: stored.some((one) => sameSettings(one, settings)) });
  check(input.defaultSchedule, 'default_schedule');
  for (const [index, schedule] of input.additionalSchedules.entries()) {
    check(schedule, `additional_schedules[${index}]`);
  }
}

function checkLimit(limit: number | null, field: string): void {
  if (limit === null || (limit >= 1 && limit <= MAX_CONCURRENCY)) return;
  throw refuseField(field, `must be from 1 to ${MAX_CONCURRENCY}, or left out for the default`);
}

/** What the source side of a connection can do. @throws `REQUEST_REFUSED` when the connection cannot be one */
export async function loadSource(context: Context, connectionId: string): Promise<SourceCapabilities> {
  const { name, type, capabilities } = await loadSide(context, connectionId, 'source_connection_id');
  if (capabilities.source !== undefined) return capabilities.source;
  throw refuseField('source_connection_id', `the connection "${name}" (${type}) cannot be the source of a bulk sync`);
}

/** What the destination side of a connection can do. @throws `REQUEST_REFUSED` when the connection cannot be one */
export async function loadDestination(context: Context, connectionId: string): Promise<DestinationCapabilities> {
  const { name, type, capabilities } = await loadSide(context, connectionId, 'destination_connection_id');
  if (capabilities.destination !== undefined) return capabilities.destination;
  throw refuseField('destination_connection_id', `the connection "${name}" (${type}) cannot be a destination`);
}

async function loadSide(context: Context, id: string, field: string) {
  const connection = await findConnection(context.store.db, context.caller.organizationId, id);
  if (connection === undefined) throw refuseField(field, `there is no connection ${id}`);
  const definition = context.connectors.get(connection.type);
  if (definition === undefined) throw refuseField(field, `this Millrace has no connector for ${connection.type}`);
  return { name: connection.name, type: connection.type, capabilities: definition.capabilities };
}

async function permitSide(context: Context, id: string, action: 'read' | 'sync_to'): Promise<void> {
  const connection = await findConnection(context.store.db, context.caller.organizationId, id);
  if (connection !== undefined) await authorize(context, action, { kind: 'connection', policies: connection.policies });
}

/**
 * The source's schemas as last read, ordered by id; at least one.
 * @throws `SCHEMA_CACHE_NOT_READY` while the first read runs, `SCHEMAS_NOT_LOADED` when there is nothing to select from
 */
export async function loadSourceSchemas(context: Context, connectionId: string): Promise<readonly SchemaDescription[]> {
  const { schemas } = await getBulkSource(context, connectionId);
  if (schemas.length > 0) return schemas;
  throw new SyncError(
    'SCHEMAS_NOT_LOADED',
    'The source connection did not provide any schemas: its user sees no table. Grant access, refresh the schemas, then try again.',
    { detail: { field: 'source_connection_id' } },
  );
}
