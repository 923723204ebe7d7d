import type { Acceptance, FormatOffer } from '../../../connector-kit/index.ts';
import { toPgcopyType } from '../../../formats/index.ts';
import { isBinaryType } from '../types.ts';

/** What becomes of an offer, or null when it cannot be taken; bytes that another PostgreSQL means for us are the cheapest. */
export function acceptOffer(offer: FormatOffer): Acceptance | null {
  return offer.format === 'csv' ? acceptCsv(offer) : acceptBinary(offer);
}

/** Identity only: the columns get the types of the bytes, so nothing is converted here. */
function acceptBinary({ fields }: FormatOffer): Acceptance | null {
  if (!fields.every(({ wireType }) => isBinaryType(wireType))) return null;
  return {
    format: 'pgcopy-binary',
    hashing: 'native:pgcopy-binary',
    columns: fields.map(({ wireType }) => ({ type: wireType, conversion: null })),
    cost: 1,
    reason: 'both sides are PostgreSQL: COPY BINARY is passed through without being decoded',
  };
}

/** The columns get the types that hold every value of the logical types, and print it in its canonical form. */
function acceptCsv({ fields }: FormatOffer): Acceptance {
  return {
    format: 'csv',
    hashing: 'canonical',
    columns: fields.map(({ logicalType }) => ({ type: toPgcopyType(logicalType), conversion: null })),
    cost: 3,
    reason: 'PostgreSQL reads csv itself by COPY',
  };
}
