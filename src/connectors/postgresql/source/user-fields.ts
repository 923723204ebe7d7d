import type { FormatOffer, OfferedField } from '../../../connector-kit/index.ts';
import type { FieldDescription } from '../../../core/index.ts';

/** Names where fields that users added come from: whatever their type, they are made by our SELECT. */
export function declareUserFields(
  offers: readonly FormatOffer[],
  fields: readonly FieldDescription[],
): readonly FormatOffer[] {
  const added = new Map(fields.flatMap((field) => (field.userPath === undefined ? [] : [[field.id, field]])));
  if (added.size === 0) return offers;
  return offers.map((offer) => ({
    ...offer,
    fields: offer.fields.map((field) => declare(field, added.get(field.id))),
  }));
}

function declare(offered: OfferedField, field: FieldDescription | undefined): OfferedField {
  if (field === undefined) return offered;
  return { ...offered, conversion: `${field.id}: ${(field.userPath ?? []).join('.')} as ${offered.wireType}` };
}
