import { assignColumns, type FieldDescription, SyncError } from '../../core/index.ts';
import {
  type BulkSyncRecord,
  type BulkSyncSchemaRecord,
  findCachedSchema,
  listBulkSyncSchemas,
} from '../../store/index.ts';
import type { Context } from '../context.ts';
import { type DestinationCapabilities, loadDestination } from './checks.ts';
import { nameTables } from './output-tables.ts';
import { requireBulkSync } from './syncs.ts';

/** One schema of a sync as people see it. */
export interface BulkSchemaView {
  readonly record: BulkSyncSchemaRecord;
  /** Null while the schema is not enabled: names are given to what is synced. */
  readonly outputName: string | null;
}

/** One field of a schema of a sync. */
export interface BulkFieldView {
  readonly id: string;
  readonly isEnabled: boolean;
  readonly isObfuscated: boolean;
  readonly outputName: string;
  readonly userOutputName: string | null;
}

/** Every schema that the source had when the sync was made, with whether it is synced. @throws `NOT_FOUND` */
export async function listBulkSchemas(context: Context, syncId: string): Promise<BulkSchemaView[]> {
  const sync = await requireBulkSync(context, syncId);
  const destination = await loadDestination(context, sync.destinationConnectionId);
  const records = await listBulkSyncSchemas(context.store.db, context.caller.organizationId, syncId);
  return toViews(sync, records, destination);
}

/** One schema with its fields, as the source's cache knows them now. @throws `NOT_FOUND` */
export async function getBulkSchema(
  context: Context,
  syncId: string,
  schemaId: string,
): Promise<BulkSchemaView & { readonly fields: readonly BulkFieldView[] }> {
  const sync = await requireBulkSync(context, syncId);
  const destination = await loadDestination(context, sync.destinationConnectionId);
  const { db } = context.store;
  const records = await listBulkSyncSchemas(db, context.caller.organizationId, syncId);
  const view = toViews(sync, records, destination).find(({ record }) => record.schemaId === schemaId);
  if (view === undefined) throw new SyncError('NOT_FOUND', `The bulk sync ${syncId} has no schema "${schemaId}".`);
  const cached = await findCachedSchema(db, context.caller.organizationId, sync.sourceConnectionId, schemaId);
  return { ...view, fields: toFields(context, sync, view.record, cached?.fields ?? [], destination) };
}

function toViews(
  sync: BulkSyncRecord,
  records: readonly BulkSyncSchemaRecord[],
  destination: DestinationCapabilities,
): BulkSchemaView[] {
  const tables = nameTables(sync, records, destination);
  return records.map((record) => ({ record, outputName: tables.get(record.schemaId)?.name ?? null }));
}

function toFields(
  context: Context,
  sync: BulkSyncRecord,
  record: BulkSyncSchemaRecord,
  fields: readonly FieldDescription[],
  { maxNameBytes, distinguishesCase }: DestinationCapabilities,
): BulkFieldView[] {
  const { columnPrefix } = context.connectorContext(context.caller.organizationId);
  const names = assignColumns(fields, record.fields, {
    rule: sync.normalizeNames,
    maxBytes: maxNameBytes,
    distinguishesCase,
    columnPrefix,
  });
  const selected = new Map(record.fields?.map((field) => [field.id, field]));
  const takesNew = record.fields === null || sync.automaticallyAddNewFields === 'all';
  return fields.map(({ id }) => ({
    id,
    isEnabled: selected.get(id)?.enabled ?? takesNew,
    isObfuscated: selected.get(id)?.obfuscated ?? false,
    outputName: names.get(id) ?? id,
    userOutputName: selected.get(id)?.userOutputName ?? null,
  }));
}
