import type { Acceptance, FormatOffer } from '../../../connector-kit/index.ts';
import type { LogicalType } from '../../../core/index.ts';
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
    columns: fields.map(({ logicalType }) => ({ type: toColumnType(logicalType), conversion: null })),
    cost: 3,
    reason: 'PostgreSQL reads csv itself by COPY',
  };
}

const TYPES: Readonly<Record<Exclude<LogicalType['kind'], 'integer' | 'decimal' | 'float'>, string>> = {
  boolean: 'boolean',
  text: 'text',
  bytes: 'bytea',
  uuid: 'uuid',
  // Not `jsonb`, which prints a document anew: the receipt compares texts.
  json: 'json',
  date: 'date',
  time: 'time without time zone',
  timestamp: 'timestamp without time zone',
  timestamptz: 'timestamp with time zone',
};

/** As `format_type` prints it, so that it can be compared with the catalogue's. */
function toColumnType(type: LogicalType): string {
  if (type.kind === 'integer') return { 16: 'smallint', 32: 'integer', 64: 'bigint' }[type.bits];
  if (type.kind === 'float') return type.bits === 32 ? 'real' : 'double precision';
  if (type.kind === 'decimal') return `numeric(${type.precision},${type.scale})`;
  return TYPES[type.kind];
}
