import type {
  Acceptance,
  BulkDestination,
  BulkSource,
  Capabilities,
  Checkpoint,
  FormatOffer,
  LoadColumn,
  SnapshotRef,
  TableName,
  TableState,
  TrackingPlan,
} from '../../connector-kit/index.ts';
import { type FieldDescription, type LoadKind, type SchemaDescription, SyncError } from '../../core/index.ts';
import type { Run } from '../../store/index.ts';
import { type SchemaPlan, shapeOf } from './schema-plan.ts';

/** What the planner knows besides the schema: both systems, the sync's settings, the shared snapshot. */
export interface PlanContext {
  readonly run: Run;
  readonly source: BulkSource;
  readonly destination: BulkDestination;
  readonly destinationCapabilities: NonNullable<Capabilities['destination']>;
  readonly snapshot: SnapshotRef;
  readonly columnPrefix: string;
  readonly signal: AbortSignal;
}

export interface SchemaToPlan {
  readonly selection: Run['schemas'][number];
  readonly schema: SchemaDescription;
  readonly table: TableName;
  /** Output names by field id, unselected fields included. */
  readonly names: ReadonlyMap<string, string>;
  readonly state: TableState;
}

/** Decides how one schema is read and written in this execution (DESIGN §3, §4.5, §4.7). */
export async function planSchema(context: PlanContext, item: SchemaToPlan): Promise<SchemaPlan> {
  const { sync, execution } = context.run;
  const fields = selectFields(item, sync.automaticallyAddNewFields === 'all');
  const { offer, acceptance } = chooseFormat(context, item.schema, fields);
  const columns = toColumns(item, fields, offer, acceptance);
  const tracking = await planTracking(context, item);
  const base = {
    schema: item.schema,
    fields: offer.fields,
    filters: [],
    replacement: 'auto' as const,
    columns,
    table: item.table,
    format: acceptance.format,
    formatReason: acceptance.reason,
    hashing: acceptance.hashing,
    conversions: listConversions(offer, acceptance),
    recordTimestamps: !sync.disableRecordTimestamps,
    tombstones: sync.mode === 'replicate' && columns.some((column) => column.isKey),
    columnPrefix: context.columnPrefix,
    stampedAt: (execution.startedAt ?? execution.createdAt).toISOString(),
    adopt: sync.adopt,
    depth: sync.receiptDepth,
    maxLossPercent: execution.overrides.maxLossPercent ?? sync.maxLossPercent,
    nextCursor: tracking?.next ?? null,
    tracking:
      tracking === null
        ? null
        : { field: item.selection.trackingField ?? '', guarantee: tracking.guarantee, reason: tracking.reason },
  };
  const choice = chooseKind(context, item, { ...base, kind: 'replace', kindReason: '', from: null });
  return { ...base, ...choice };
}

type Choice = Pick<SchemaPlan, 'kind' | 'kindReason' | 'from'>;

function chooseKind(context: PlanContext, item: SchemaToPlan, draft: SchemaPlan): Choice {
  const { sync, execution } = context.run;
  const complete = (kind: LoadKind, kindReason: string): Choice => ({ kind, kindReason, from: null });
  if (sync.mode === 'snapshot') return complete('replace', 'snapshot mode replaces all records');
  if (!draft.columns.some((column) => column.isKey))
    return complete('replace', 'records without a key cannot be merged, so the table is replaced');
  if (!item.state.exists) return complete('replace', 'first load: the table does not exist yet');
  if (item.selection.trackingField === null) return complete('merge', 'full scan: the schema has no tracking field');
  if (execution.resyncMode !== null || execution.fetchMode === 'full')
    return complete('merge', 'full scan: asked for at the start');
  if (item.selection.cursor === null) return complete('merge', 'full scan: first execution with this tracking field');
  if (JSON.stringify(item.selection.loadedShape) !== JSON.stringify(shapeOf(draft)))
    return complete('merge', 'full scan: the fields have changed since the last execution');
  // Written by this connector's planTracking and stored untouched.
  const from = item.selection.cursor as Checkpoint;
  return { kind: 'delta', kindReason: `only records at or behind the cursor of ${item.selection.trackingField}`, from };
}

/** The source's own order, so that a changed selection reorders nothing. */
function selectFields({ selection, schema }: SchemaToPlan, addNewFields: boolean): readonly FieldDescription[] {
  const chosen = new Map((selection.fields ?? []).map((field) => [field.id, field.enabled]));
  const missing = [...chosen].find(([id, enabled]) => enabled && !schema.fields.some((field) => field.id === id));
  if (missing !== undefined) {
    throw new SyncError(
      'SOURCE_CHANGED',
      `The field ${missing[0]} of ${schema.id} is selected but no longer exists in the source. Remove it from the sync's selection or restore it.`,
    );
  }
  const fields = schema.fields.filter((field) => chosen.get(field.id) ?? (selection.fields === null || addNewFields));
  if (fields.length === 0)
    throw new SyncError('SOURCE_CHANGED', `The schema ${schema.id} has no selected fields. Select at least one field.`);
  return fields;
}

function chooseFormat(
  context: PlanContext,
  schema: SchemaDescription,
  fields: readonly FieldDescription[],
): { offer: FormatOffer; acceptance: Acceptance } {
  const pairs = context.source.offer(fields).flatMap((offer) => {
    const acceptance = context.destination.accept(offer);
    return acceptance === null ? [] : [{ offer, acceptance }];
  });
  const cheapest = pairs.sort((a, b) => a.acceptance.cost - b.acceptance.cost)[0];
  if (cheapest === undefined) throw new SyncError('INTERNAL', `No wire format suits both ends of ${schema.id}.`);
  return cheapest;
}

function toColumns(
  item: SchemaToPlan,
  fields: readonly FieldDescription[],
  offer: FormatOffer,
  acceptance: Acceptance,
): readonly LoadColumn[] {
  // A key that is not selected whole identifies nothing.
  const key = item.schema.primaryKey.every((id) => fields.some((field) => field.id === id))
    ? item.schema.primaryKey
    : [];
  return offer.fields.map((offered, index) => ({
    field: offered.id,
    name: item.names.get(offered.id) ?? offered.id,
    type: acceptance.columns[index]?.type ?? '',
    logicalType: offered.logicalType,
    isKey: key.includes(offered.id),
  }));
}

async function planTracking(context: PlanContext, item: SchemaToPlan): Promise<TrackingPlan | null> {
  const id = item.selection.trackingField;
  if (id === null || context.run.sync.mode === 'snapshot') return null;
  const field = item.schema.fields.find((candidate) => candidate.id === id);
  if (field === undefined) {
    throw new SyncError(
      'SOURCE_CHANGED',
      `The tracking field ${id} of ${item.schema.id} no longer exists in the source. Choose another one or none.`,
    );
  }
  return context.source.planTracking({ schema: item.schema, field, snapshot: context.snapshot }, context.signal);
}

function listConversions(offer: FormatOffer, acceptance: Acceptance): readonly string[] {
  return offer.fields.flatMap((field, index) =>
    [field.conversion, acceptance.columns[index]?.conversion ?? null].filter((text) => text !== null),
  );
}
