import { tableText } from '../../connector-kit/index.ts';
import type {
  DestructiveStep,
  LoadDescription,
  LossBasis,
  SchemaPlanDescription,
  TransferDescription,
} from '../../core/index.ts';
import type { SchemaPlan } from './schema-plan.ts';

/** Ranges that are listed one by one; a large table has thousands, and all say the same. */
const SHOWN_RANGES = 20;

/** A schema's plan in the words of the API. @param ranges its segments, as text */
export function describeSchema(plan: SchemaPlan, ranges: readonly string[]): SchemaPlanDescription {
  const refusals = plan.preview?.refusals ?? [];
  return {
    schemaId: plan.schema.id,
    outcome: refusals.length === 0 ? 'load' : 'refuse',
    reason: refusals[0]?.message ?? null,
    refusals,
    load: describeLoad(plan, ranges),
  };
}

function describeLoad(plan: SchemaPlan, ranges: readonly string[]): LoadDescription {
  const preview = plan.preview ?? null;
  return {
    kind: plan.kind,
    kindReason: plan.kindReason,
    table: tableText(plan.table),
    transfer: describeTransfer(plan),
    conversions: plan.conversions,
    preview,
    destroys: [...(preview?.destroys ?? []), ...listLostRecords(plan)],
    estimate: plan.estimate ?? { records: null, bytes: null, basis: 'the plan was made by an older version' },
    lossGuard: describeGuard(plan),
    segments: { count: ranges.length, ranges: ranges.slice(0, SHOWN_RANGES) },
    proof: { depth: plan.depth, hashing: plan.hashing },
    tracking: plan.tracking,
  };
}

function describeTransfer(plan: SchemaPlan): TransferDescription {
  const { fields, obfuscated, schema, imageNotes, from, tracking } = plan;
  const isHidden = new Set(obfuscated);
  const casts = fields.flatMap(({ id, conversion }) => (conversion === null || isHidden.has(id) ? [] : [conversion]));
  const cursor =
    from === null ? [] : [`Only records at or behind the cursor of ${tracking?.field ?? 'the last load'}.`];
  const fieldsLeftOut = Math.max(0, schema.fields.length - fields.length);
  const isPushedDown = casts.length + plan.filters.length + cursor.length + fieldsLeftOut > 0;
  return {
    format: plan.format,
    path: plan.madeOf ?? (obfuscated.length > 0 ? 'transcode' : isPushedDown ? 'push_down' : 'identity'),
    reason: plan.formatReason,
    transports: plan.transports ?? [],
    pushedDown: { fields: fields.length, fieldsLeftOut, casts, filters: [...imageNotes, ...cursor] },
  };
}

/** What the load does to records that have left the source; of a table that is new there are none. */
function listLostRecords({
  kind,
  preview,
  tombstones,
  replacement,
  columnPrefix,
}: SchemaPlan): readonly DestructiveStep[] {
  const isNew = preview?.changes.some((change) => change.kind === 'create_table') ?? false;
  if (kind === 'delta' || isNew) return [];
  const isMarked = tombstones && !(kind === 'replace' && replacement === 'rebuild');
  if (!isMarked) return [{ kind: 'delete_records', text: 'Records that have left the source are removed.' }];
  const text = `Records that have left the source are marked as deleted, in ${columnPrefix}deleted_at.`;
  return [{ kind: 'mark_deleted', text }];
}

function describeGuard(plan: SchemaPlan): LoadDescription['lossGuard'] {
  const { maxLossPercent, preview, kind } = plan;
  const compares = preview?.comparesLoss ?? (kind === 'delta' ? 'nothing' : kind === 'merge' ? 'keys' : 'count');
  return { compares, maxLossPercent, text: guardText(compares, maxLossPercent, kind === 'delta') };
}

function guardText(compares: LossBasis, percent: number, isDelta: boolean): string {
  if (compares === 'nothing' && !isDelta) return 'There is no table yet, so nothing can be lost.';
  if (percent >= 100) return 'Switched off: everything may be lost.';
  if (isDelta)
    return `A delta removes no records. Nothing is changed when a column would lose more than ${percent} % of its values.`;
  const records =
    compares === 'keys'
      ? `more than ${percent} % of the live records are no longer in the source, by key`
      : `the table would have fewer records by more than ${percent} %`;
  return `Nothing is changed when ${records}, or when a column would lose more than ${percent} % of its values.`;
}
