import { isDeepStrictEqual } from 'node:util';
import { type SchemaDescription, SyncError } from '../../../core/index.ts';
import {
  type BulkSyncRecord,
  forgetCursors,
  listBulkSyncSchemas,
  listCachedSchemas,
  lockBulkSync,
  lockConnections,
  type NewBulkSyncSchema,
  type StoreDatabase,
  saveBulkSyncSchemas,
  updateBulkSync,
} from '../../../store/index.ts';
import { toActorColumns } from '../../actors.ts';
import { auditBulkSyncPart } from '../../audit/views.ts';
import type { Context } from '../../context.ts';
import { refuseField } from '../../refusals.ts';
import { type DestinationCapabilities, loadDestination, loadSource } from '../checks.ts';
import { permitBulkSync, requireBulkSync } from '../syncs.ts';
import { refuseTableNames, toColumnNaming } from './chosen-names.ts';
import { refuseSharedTables } from './output-tables.ts';
import { findSamePlace } from './same-place.ts';
import { getBulkSchemas, type SchemaSettings, untouched, type WholeSchemaView } from './schemas.ts';
import { resolveSchema, type SchemaSelection, type SelectionRules } from './selection.ts';

/** What a change says of one schema: options that are left out stay as they are; empty `fields` mean all of them. */
export type SchemaChange = Pick<SchemaSelection, 'id'> & Partial<SchemaSelection>;

/**
 * Changes the named schemas of a sync and leaves the others alone; all of them or none. The next execution goes by it.
 * Where what was read or written so far does not fit any more, the next read of that schema is complete.
 * @returns the named schemas, in that order
 * @throws `NOT_FOUND` for the sync, `REQUEST_REFUSED` naming the first option that does not fit
 */
export function patchBulkSchemas(
  context: Context,
  syncId: string,
  changes: readonly SchemaChange[],
): Promise<WholeSchemaView[]> {
  return changeSchemas(context, syncId, changes, (index) => `schemas[${index}].`);
}

/** Replaces all options of one schema. @throws `NOT_FOUND` for the sync or the schema, `REQUEST_REFUSED` */
export function replaceBulkSchema(
  context: Context,
  syncId: string,
  selection: SchemaSelection,
): Promise<WholeSchemaView> {
  return patchBulkSchema(context, syncId, selection);
}

/** Changes one schema as {@link patchBulkSchemas} does. @throws `NOT_FOUND` for the sync or the schema, `REQUEST_REFUSED` */
export async function patchBulkSchema(
  context: Context,
  syncId: string,
  change: SchemaChange,
): Promise<WholeSchemaView> {
  const [view] = await changeSchemas(context, syncId, [change], () => '');
  if (view === undefined) throw new SyncError('INTERNAL', `The schema "${change.id}" was saved and has no view.`);
  return view;
}

async function changeSchemas(
  context: Context,
  syncId: string,
  changes: readonly SchemaChange[],
  prefixOf: (index: number) => string,
): Promise<WholeSchemaView[]> {
  const { organizationId } = context.caller;
  const ids = changes.map(({ id }) => id);
  const { destinationConnectionId } = await permitBulkSync(context, syncId, 'edit');
  const samePlace = await findSamePlace(context, destinationConnectionId);
  await context.store.transaction(async ({ db }) => {
    const scene = await openScene(context, db, await lockWithSides(context, db, syncId, samePlace), ids);
    const rows = changes.map((change, index) => resolveChange(scene, change, prefixOf(index), ids.indexOf(change.id)));
    if (rows.length === 0) return;
    await saveBulkSyncSchemas(db, organizationId, syncId, rows);
    await forgetCursors(db, organizationId, { syncId, schemaIds: listChanged(scene, rows) });
    await refuseNames(context, db, { ...scene, samePlace }, (sharing) => {
      const index = ids.findIndex((id) => sharing.includes(id));
      return `${prefixOf(Math.max(0, index))}user_output_name`;
    });
    const by = toActorColumns(context.caller);
    await updateBulkSync(db, organizationId, syncId, { updatedBy: by.id, updatedByType: by.type });
    await auditChange(context, db, scene, ids);
  });
  return getBulkSchemas(context, await requireBulkSync(context, syncId), ids);
}

/** Connections before the sync, as every change of a sync does, so that no two of them wait for each other. */
async function lockWithSides(
  context: Context,
  db: StoreDatabase,
  syncId: string,
  samePlace: ReadonlySet<string>,
): Promise<BulkSyncRecord> {
  const { organizationId } = context.caller;
  const { sourceConnectionId, destinationConnectionId } = await requireBulkSync(context, syncId, db);
  await lockConnections(db, organizationId, [sourceConnectionId, destinationConnectionId, ...samePlace]);
  await lockBulkSync(db, organizationId, syncId);
  return requireBulkSync(context, syncId, db);
}

async function auditChange(context: Context, db: StoreDatabase, scene: Scene, ids: readonly string[]): Promise<void> {
  const rows = await listBulkSyncSchemas(db, context.caller.organizationId, scene.sync.id);
  const after = rows.filter(({ schemaId }) => ids.includes(schemaId)).map(toSelection);
  const before = ids.flatMap((id) => scene.before.get(id) ?? []).map(toSelection);
  const event = { action: 'update_schemas', before: { schemas: before }, after: { schemas: after } };
  await auditBulkSyncPart(db, context, scene.sync, event);
}

/** What a change is judged by. */
interface Scene {
  readonly sync: BulkSyncRecord;
  readonly rules: SelectionRules;
  readonly destination: DestinationCapabilities;
  /** The named schemas that the source has. */
  readonly source: ReadonlyMap<string, SchemaDescription>;
  /** Every schema that the sync has a row for, as it was. */
  readonly before: ReadonlyMap<string, SchemaSettings>;
}

async function openScene(
  context: Context,
  db: StoreDatabase,
  sync: BulkSyncRecord,
  ids: readonly string[],
): Promise<Scene> {
  const { organizationId } = context.caller;
  const { sourceConnectionId, destinationConnectionId } = sync;
  const source = await loadSource(context, sourceConnectionId);
  const destination = await loadDestination(context, destinationConnectionId);
  const schemas = await listCachedSchemas(db, organizationId, sourceConnectionId, ids);
  const rows = await listBulkSyncSchemas(db, organizationId, sync.id);
  const naming = toColumnNaming(context, sync.normalizeNames, destination);
  return {
    sync,
    rules: { supportsTrackingFields: source.supportsTrackingFields, naming },
    destination,
    source: new Map(schemas.map((schema) => [schema.id, schema])),
    before: new Map(rows.map((row) => [row.schemaId, row])),
  };
}

/** @param first where the list of changes names this schema first */
function resolveChange(scene: Scene, change: SchemaChange, prefix: string, first: number): NewBulkSyncSchema {
  const place = prefix === '' ? 'schema_id' : prefix.slice(0, -1);
  if (prefix !== '' && prefix !== `schemas[${first}].`)
    throw refuseField(place, `the schema "${change.id}" is named twice`, { schema: change.id });
  const before = scene.before.get(change.id);
  const schema = scene.source.get(change.id);
  // Always possible, also when the source has changed so that the other options fit no more.
  if (before !== undefined && isSwitchedOff(change)) return toSwitchedOff(change);
  if (schema !== undefined) {
    const item = { ...toSelection(before ?? untouched(change.id)), ...change };
    return resolveSchema(item, schema, scene.rules, prefix);
  }
  if (before === undefined) throw unknownSchema(scene.sync, change.id, prefix);
  // It can be switched off; nothing else about it can be judged.
  if (change.enabled === false) return { schemaId: change.id, enabled: false };
  throw refuseField(
    prefix === '' ? 'enabled' : `${prefix}enabled`,
    `the source has no schema "${change.id}" any more, so it can only be switched off`,
    { schema: change.id },
  );
}

function isSwitchedOff({ id, enabled, fields = [], ...options }: SchemaChange): boolean {
  return enabled === false && fields.length === 0 && Object.keys(options).length === 0;
}

function toSwitchedOff({ id, fields }: SchemaChange): NewBulkSyncSchema {
  return { schemaId: id, enabled: false, ...(fields === undefined ? {} : { fields: null }) };
}

function unknownSchema(sync: BulkSyncRecord, schemaId: string, prefix: string): SyncError {
  if (prefix !== '') {
    return refuseField(prefix.slice(0, -1), `the source has no schema "${schemaId}"`, { schema: schemaId });
  }
  return new SyncError('NOT_FOUND', `The bulk sync ${sync.id} has no schema "${schemaId}".`);
}

function toSelection(settings: SchemaSettings): SchemaSelection {
  const { schemaId, fields, filters, ...rest } = settings;
  return {
    id: schemaId,
    enabled: rest.enabled,
    fields: fields ?? [],
    filters: filters.map(({ fieldId, function: name, value }) => ({ fieldId, function: name, value })),
    trackingField: rest.trackingField,
    partitionKey: rest.partitionKey,
    dataCutoffTimestamp: rest.dataCutoffTimestamp,
    disableDataCutoff: rest.disableDataCutoff,
    userOutputName: rest.userOutputName,
  };
}

/** Ids of the schemas of which more changed than whether they are synced. */
function listChanged(scene: Scene, rows: readonly NewBulkSyncSchema[]): string[] {
  return rows.flatMap((row) => {
    const before = scene.before.get(row.schemaId);
    if (before === undefined || row.filters === undefined) return [];
    const was = [before.fields, before.filters, before.trackingField, before.userOutputName];
    const is = [parse(row.fields), parse(row.filters), row.trackingField, row.userOutputName];
    const wasCut = [before.dataCutoffTimestamp?.getTime(), before.disableDataCutoff];
    const isCut = [toTime(row.dataCutoffTimestamp), row.disableDataCutoff];
    return isDeepStrictEqual([was, wasCut], [is, isCut]) ? [] : [row.schemaId];
  });
}

function parse(json: string | null | undefined): unknown {
  return json == null ? null : JSON.parse(json);
}

function toTime(time: Date | string | null | undefined): number | undefined {
  return time == null ? undefined : new Date(time).getTime();
}

/** Reads the rows again: the database stamps when a schema was enabled, and that decides names. */
async function refuseNames(
  context: Context,
  db: StoreDatabase,
  { sync, rules, destination, samePlace }: Scene & { readonly samePlace: ReadonlySet<string> },
  placeOf: (schemaIds: readonly string[]) => string,
): Promise<void> {
  const rows = await listBulkSyncSchemas(db, context.caller.organizationId, sync.id);
  const defaultSchema = String(destination.configuration.schema?.default ?? '');
  const enabled = rows.filter((row) => row.enabled);
  refuseTableNames(enabled, sync.destinationConfiguration, { ...rules.naming, defaultSchema }, placeOf);
  await refuseSharedTables(context, db, sync.id, samePlace, destination);
}
