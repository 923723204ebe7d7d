import { isDeepStrictEqual } from 'node:util';
import type { TrackingPlan } from '../../connector-kit/index.ts';
import { type LoadKind, readDestinationOptions, SyncError, VERIFICATION } from '../../core/index.ts';
import { chooseFormat, listConversions, toColumns } from './choose-format.ts';
import { chooseLoad } from './choose-load.ts';
import { findDrift, toSeen } from './drift.ts';
import type { PlanContext, SchemaToPlan } from './plan-context.ts';
import { planImage } from './plan-image.ts';
import { type SchemaPlan, stampOf, toShape } from './schema-plan.ts';
import { listObfuscated, selectFields } from './select-fields.ts';

/** Such a source has no snapshot that its pages could be read in. */
const PAGES_NOTE =
  'The source gives its records page by page, not as one image: what changed there while it was read may be missing, or be in it as it was before.';

/** Decides how one schema is read and written in this execution (DESIGN §3, §4.5, §4.7). */
export async function planSchema(context: PlanContext, item: SchemaToPlan): Promise<SchemaPlan> {
  const { sync, execution } = context.run;
  const { fields, autoFields } = selectFields(item, sync.automaticallyAddNewFields);
  const obfuscated = listObfuscated(item.selection, fields);
  const format = chooseFormat(context, item.schema, fields, obfuscated);
  const columns = toColumns(item, fields, format);
  const image = planImage(context.run, item.selection, item.schema);
  const shape = toShape(item, columns, image.definition);
  const { hardDeletes } = readDestinationOptions(sync.destinationConfiguration);
  const choice = chooseLoad(context, item, { columns, shape, obfuscated });
  const tracking = await planTracking(context, item, choice.kind);
  const seen = toSeen(item, columns, obfuscated);
  const isVerification = execution.type === VERIFICATION;
  return {
    ...choice,
    ...(isVerification ? { isVerification } : {}),
    drift: findDrift(item.seen, item.schema, { ...choice, columns }),
    seen: isDeepStrictEqual(seen, item.seen) ? null : seen,
    schema: item.schema,
    fields: format.offer.fields,
    autoFields,
    filters: image.filters,
    imageNotes: [...image.notes, ...(item.schema.notes ?? []), ...(format.madeOf === 'rows' ? [PAGES_NOTE] : [])],
    columns,
    obfuscated,
    // Nor does a system that gives pages keep it unique: one may hold a record that an earlier one held.
    isKeyDeclared: hasDeclaredKey(context, item) || format.madeOf === 'rows',
    shape,
    table: item.table,
    format: format.acceptance.format,
    ...(format.offer.format === format.acceptance.format ? {} : { readFormat: format.offer.format }),
    ...(format.madeOf === null ? {} : { madeOf: format.madeOf }),
    formatReason: format.acceptance.reason,
    transports: context.transports,
    hashing: format.acceptance.hashing,
    conversions: listConversions(format),
    recordTimestamps: !sync.disableRecordTimestamps,
    tombstones: sync.mode === 'replicate' && !hardDeletes && columns.some((column) => column.isKey),
    columnPrefix: context.columnPrefix,
    stampedAt: stampOf(execution).toISOString(),
    adopt: sync.adopt,
    revision: item.selection.revision,
    depth: isVerification ? 'checksums' : sync.receiptDepth,
    maxLossPercent: execution.overrides.maxLossPercent ?? sync.maxLossPercent,
    ...(tracking?.isNextOpen === true
      ? { nextCursor: choice.from, isNextCursorOpen: true }
      : { nextCursor: tracking?.next ?? null }),
    tracking:
      tracking === null
        ? null
        : { field: item.selection.trackingField ?? '', guarantee: tracking.guarantee, reason: tracking.reason },
  };
}

function hasDeclaredKey({ run }: PlanContext, { schema }: SchemaToPlan): boolean {
  return (run.schemaOverrides.get(schema.id)?.primaryKey ?? null) !== null;
}

// A delta can begin again where this one did, whatever becomes of its next cursor; a complete read is not to be repeated.
async function planTracking(context: PlanContext, item: SchemaToPlan, kind: LoadKind): Promise<TrackingPlan | null> {
  const id = item.selection.trackingField;
  if (id === null || context.run.sync.mode === 'snapshot') return null;
  const field = item.schema.fields.find((candidate) => candidate.id === id);
  if (field === undefined) {
    throw new SyncError(
      'SOURCE_CHANGED',
      `The tracking field ${id} of ${item.schema.id} no longer exists in the source. Choose another one or none.`,
    );
  }
  const request = { schema: item.schema, field, snapshot: context.snapshot, mayLeaveOpen: kind === 'delta' };
  return context.source.planTracking(request, context.signal);
}
