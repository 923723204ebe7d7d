import {
  assignColumns,
  chooseFields,
  type FieldDescription,
  type SchemaDescription,
  SyncError,
} from '../../../core/index.ts';
import {
  type BulkSyncRecord,
  type BulkSyncSchemaRecord,
  listBulkSyncSchemas,
  listCachedSchemaIds,
  listCachedSchemas,
  listNamingOfSyncs,
  listSeenSchemas,
} from '../../../store/index.ts';
import type { Context } from '../../context.ts';
import { loadDestination } from '../checks.ts';
import { requireBulkSync } from '../syncs.ts';
import { toColumnNaming } from './chosen-names.ts';
import { nameTables } from './output-tables.ts';

/** The options of one schema of a sync; of one that nobody has touched, their defaults. */
export type SchemaSettings = Pick<
  BulkSyncSchemaRecord,
  | 'schemaId'
  | 'enabled'
  | 'fields'
  | 'autoFields'
  | 'filters'
  | 'trackingField'
  | 'partitionKey'
  | 'dataCutoffTimestamp'
  | 'disableDataCutoff'
  | 'userOutputName'
>;

/** One schema of a sync as people see it. */
export interface BulkSchemaView {
  readonly settings: SchemaSettings;
  /** Null while the schema is not enabled: names are given to what is synced. */
  readonly outputName: string | null;
}

/** The same with its fields. */
export interface WholeSchemaView extends BulkSchemaView {
  readonly fields: readonly BulkFieldView[];
}

/** One field of a schema of a sync. */
export interface BulkFieldView {
  readonly id: string;
  readonly isEnabled: boolean;
  readonly isObfuscated: boolean;
  readonly outputName: string;
  readonly userOutputName: string | null;
}

/** Which schemas of a sync to list; null = whatever they are. */
export interface SchemaListFilter {
  readonly enabled: boolean | null;
  /** Part of the schema's id, in whatever case. */
  readonly id: string | null;
}

/** Every schema that the source has now or that the sync has selected, with whether it is synced. @throws `NOT_FOUND` */
export async function listBulkSchemas(
  context: Context,
  syncId: string,
  filter: SchemaListFilter = { enabled: null, id: null },
): Promise<BulkSchemaView[]> {
  const sync = await requireBulkSync(context, syncId);
  return (await loadViews(context, sync)).filter(({ settings }) => isListed(settings, filter));
}

function isListed(settings: SchemaSettings, { enabled, id }: SchemaListFilter): boolean {
  if (enabled !== null && settings.enabled !== enabled) return false;
  return id === null || settings.schemaId.toLowerCase().includes(id.toLowerCase());
}

/** The same with fields and filters. @throws `NOT_FOUND` */
export async function listWholeBulkSchemas(
  context: Context,
  syncId: string,
  filter: SchemaListFilter,
): Promise<WholeSchemaView[]> {
  const sync = await requireBulkSync(context, syncId);
  const views = (await loadViews(context, sync)).filter(({ settings }) => isListed(settings, filter));
  return withFields(context, sync, views, null);
}

/** One schema with its fields, as the source's cache knows them now. @throws `NOT_FOUND` */
export async function getBulkSchema(context: Context, syncId: string, schemaId: string): Promise<WholeSchemaView> {
  const sync = await requireBulkSync(context, syncId);
  const [view] = await getBulkSchemas(context, sync, [schemaId]);
  if (view !== undefined) return view;
  throw new SyncError('NOT_FOUND', `The bulk sync ${syncId} has no schema "${schemaId}".`);
}

/** Those of the named schemas that there are, in that order. */
export async function getBulkSchemas(
  context: Context,
  sync: BulkSyncRecord,
  schemaIds: readonly string[],
): Promise<WholeSchemaView[]> {
  const views = new Map((await loadViews(context, sync)).map((view) => [view.settings.schemaId, view]));
  const named = schemaIds.map((id) => views.get(id)).filter((view) => view !== undefined);
  return withFields(context, sync, named, schemaIds);
}

async function withFields(
  context: Context,
  sync: BulkSyncRecord,
  views: readonly BulkSchemaView[],
  only: readonly string[] | null,
): Promise<WholeSchemaView[]> {
  const { db } = context.store;
  const cached = await listCachedSchemas(db, context.caller.organizationId, sync.sourceConnectionId, only);
  const schemas = new Map<string, SchemaDescription>(cached.map((schema) => [schema.id, schema]));
  const destination = await loadDestination(context, sync.destinationConnectionId);
  const seen = await listSeenSchemas(db, sync.id, only);
  const columnNaming = toColumnNaming(context, sync.normalizeNames, destination);
  return views.map((view) => {
    const fields = schemas.get(view.settings.schemaId)?.fields ?? [];
    const names = assignColumns(fields, view.settings.fields, columnNaming, seen.get(view.settings.schemaId) ?? null);
    return { ...view, fields: toFields(sync, view.settings, fields, names) };
  });
}

async function loadViews(context: Context, sync: BulkSyncRecord): Promise<BulkSchemaView[]> {
  const { store, caller } = context;
  const destination = await loadDestination(context, sync.destinationConnectionId);
  const records = await listBulkSyncSchemas(store.db, caller.organizationId, sync.id);
  const naming = await listNamingOfSyncs(store.db, caller.organizationId, [sync.id]);
  const tables = nameTables(sync, naming, destination);
  const settings = new Map<string, SchemaSettings>(records.map((record) => [record.schemaId, record]));
  for (const id of await listCachedSchemaIds(store.db, caller.organizationId, sync.sourceConnectionId)) {
    if (!settings.has(id)) settings.set(id, untouched(id));
  }
  return [...settings.values()]
    .sort((one, other) => (one.schemaId < other.schemaId ? -1 : 1))
    .map((item) => ({ settings: item, outputName: tables.get(item.schemaId)?.name ?? null }));
}

/** The settings of a schema that has no row: it appeared in the source after the sync was made. */
export function untouched(schemaId: string): SchemaSettings {
  return {
    schemaId,
    enabled: false,
    fields: null,
    autoFields: null,
    filters: [],
    trackingField: null,
    partitionKey: null,
    dataCutoffTimestamp: null,
    disableDataCutoff: false,
    userOutputName: null,
  };
}

function toFields(
  sync: BulkSyncRecord,
  settings: SchemaSettings,
  fields: readonly FieldDescription[],
  names: ReadonlyMap<string, string>,
): BulkFieldView[] {
  const selected = new Map(settings.fields?.map((field) => [field.id, field]));
  const chosen = chooseFields(settings, fields, sync.automaticallyAddNewFields).ids;
  return fields.map(({ id }) => ({
    id,
    isEnabled: chosen.has(id),
    isObfuscated: selected.get(id)?.obfuscated ?? false,
    outputName: names.get(id) ?? id,
    userOutputName: selected.get(id)?.userOutputName ?? null,
  }));
}
