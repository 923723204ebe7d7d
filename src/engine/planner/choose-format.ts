import type { Acceptance, FormatOffer, LoadColumn, OfferedField } from '../../connector-kit/index.ts';
import { type FieldDescription, type SchemaDescription, SyncError } from '../../core/index.ts';
import type { PlanContext, SchemaToPlan } from './plan-context.ts';

/** What both ends agree on: the source's bytes and what the destination makes of them. */
export interface ChosenFormat {
  readonly offer: FormatOffer;
  readonly acceptance: Acceptance;
}

/** The cheapest wire format that suits both ends. Obfuscated fields travel as text, so that any value can become a hash. */
export function chooseFormat(
  context: PlanContext,
  schema: SchemaDescription,
  fields: readonly FieldDescription[],
  obfuscated: readonly string[],
): ChosenFormat {
  const hidden = new Set(obfuscated);
  const pairs = context.source.offer(fields, hidden).flatMap((sent) => {
    const offer = { ...sent, fields: sent.fields.map((field) => (hidden.has(field.id) ? toHash(field) : field)) };
    const acceptance = context.destination.accept(offer);
    return acceptance === null ? [] : [{ offer, acceptance }];
  });
  const cheapest = pairs.sort((a, b) => a.acceptance.cost - b.acceptance.cost)[0];
  if (cheapest === undefined) throw new SyncError('INTERNAL', `No wire format suits both ends of ${schema.id}.`);
  if (hidden.size === 0) return cheapest;
  const { acceptance } = cheapest;
  const reason = `${acceptance.reason}; hashes are put in the place of ${obfuscated.join(', ')} on the way`;
  return { ...cheapest, acceptance: { ...acceptance, reason } };
}

function toHash(field: OfferedField): OfferedField {
  return { ...field, conversion: `${field.id}: keyed hash of its text` };
}

/** The destination's columns, in the order of the wire. */
export function toColumns(
  item: SchemaToPlan,
  fields: readonly FieldDescription[],
  { offer, acceptance }: ChosenFormat,
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

/** Every conversion that either end makes. */
export function listConversions({ offer, acceptance }: ChosenFormat): readonly string[] {
  return offer.fields.flatMap((field, index) =>
    [field.conversion, acceptance.columns[index]?.conversion ?? null].filter((text) => text !== null),
  );
}
