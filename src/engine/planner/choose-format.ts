import type { Acceptance, FormatOffer, LoadColumn, OfferedField } from '../../connector-kit/index.ts';
import { type FieldDescription, type SchemaDescription, SyncError } from '../../core/index.ts';
import { canDecode, toPgcopyType, WIRE_FORMATS } from '../../formats/index.ts';
import type { PlanContext, SchemaToPlan } from './plan-context.ts';

/** What the destination's bytes are made of on our side, where they are not the source's own. */
export type MadeOf = 'columns' | 'rows';

/** What both ends agree on: the source's bytes and what the destination makes of them. */
export interface ChosenFormat {
  /** As the source sends it. */
  readonly offer: FormatOffer;
  readonly acceptance: Acceptance;
  readonly madeOf: MadeOf | null;
}

/** What changing the wire format by way of columns adds to a destination's own cost: more than any two formats differ. */
const COLUMNS_COST = 10;

/**
 * The cheapest way that suits both ends: the source's own bytes, and where the destination takes none of them, the same
 * values in another wire format. Obfuscated fields travel as text, so that any value can become a hash.
 */
export function chooseFormat(
  context: Pick<PlanContext, 'source' | 'destination'>,
  schema: SchemaDescription,
  fields: readonly FieldDescription[],
  obfuscated: readonly string[],
): ChosenFormat {
  const hidden = new Set(obfuscated);
  const ways = context.source.offer(fields, hidden).flatMap((sent) => {
    const offer = { ...sent, fields: sent.fields.map((field) => (hidden.has(field.id) ? toHash(field) : field)) };
    return [offer, ...toOtherFormats(offer)].flatMap((written) => {
      const acceptance = context.destination.accept(written);
      return acceptance === null ? [] : [toWay(offer, acceptance)];
    });
  });
  const cheapest = ways.sort((a, b) => a.acceptance.cost - b.acceptance.cost)[0];
  if (cheapest === undefined) throw new SyncError('INTERNAL', `No wire format suits both ends of ${schema.id}.`);
  if (hidden.size === 0) return cheapest;
  const { acceptance } = cheapest;
  const reason = `${acceptance.reason}; hashes are put in the place of ${obfuscated.join(', ')} on the way`;
  return { ...cheapest, acceptance: { ...acceptance, reason } };
}

/** The same fields in the formats that can be made of an offer's bytes. */
function toOtherFormats(offer: FormatOffer): readonly FormatOffer[] {
  const { format, fields } = offer;
  if (!fields.every(({ logicalType, wireType }) => canDecode(format, logicalType, wireType))) return [];
  return WIRE_FORMATS.filter((other) => other !== format).map((other) => ({
    format: other,
    fields: fields.map((field) => ({ ...field, wireType: toPgcopyType(field.logicalType) })),
  }));
}

function toWay(offer: FormatOffer, acceptance: Acceptance): ChosenFormat {
  const { format } = acceptance;
  if (offer.format !== format) {
    const reason = `the source sends ${offer.format}, which the destination does not take; by way of typed columns it becomes ${format}`;
    return { offer, acceptance: { ...acceptance, cost: acceptance.cost + COLUMNS_COST, reason }, madeOf: 'columns' };
  }
  if (offer.isMadeOfRows !== true) return { offer, acceptance, madeOf: null };
  const reason = `the source gives rows; of the formats that the destination takes, ${format} is the cheapest to make of them`;
  return { offer, acceptance: { ...acceptance, reason }, madeOf: 'rows' };
}

function toHash(field: OfferedField): OfferedField {
  return { ...field, conversion: `${field.id}: keyed hash of its text` };
}

/** The destination's columns, in the order of the wire. */
export function toColumns(
  item: Pick<SchemaToPlan, 'schema' | 'names'>,
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
