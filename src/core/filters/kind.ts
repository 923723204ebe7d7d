import type { FieldDescription } from '../fields.ts';

/** How a filter sees the values of a field: which functions it takes, and what they compare. */
export const FILTER_KINDS = [
  'text',
  'number',
  'boolean',
  'date',
  'timestamp',
  'timestamptz',
  'time',
  'uuid',
  'array',
  'json',
  'binary',
] as const;
export type FilterKind = (typeof FILTER_KINDS)[number];

/** What decides the kind. */
export type FilteredField = Pick<FieldDescription, 'type' | 'logicalType' | 'remoteType'>;

/** The kind of a field. A type that no function knows is compared by the text in which it travels. */
export function toFilterKind(field: FilteredField): FilterKind {
  // A JSON array that is called one by its user is JSON all the same.
  if (field.type === 'array' && field.remoteType.endsWith(']')) return 'array';
  switch (field.logicalType.kind) {
    case 'integer':
    case 'decimal':
    case 'float':
      return 'number';
    case 'bytes':
      return 'binary';
    case 'boolean':
    case 'uuid':
    case 'json':
    case 'date':
    case 'time':
    case 'timestamp':
    case 'timestamptz':
      return field.logicalType.kind;
    default:
      // Numbers too wide for a shared type, money: their text lands, but they are numbers where they are filtered.
      return field.type === 'number' ? 'number' : 'text';
  }
}

const NUMBERS =
  /^(small|big|tiny|huge|u\w*)?int(eger)?\d?$|^(numeric|decimal|real|float|float[48]|double|double precision)$/i;

/** An array's element as a field of its own, by the type's name: `integer[]`, `numeric(10,2)[]`, `VARCHAR[3]`. */
export function toElementField(field: FilteredField): FilteredField {
  const remoteType = field.remoteType.replace(/(\[\d*\])+$/, '');
  const base = remoteType.replace(/\(.*\)/, '').trim();
  if (/^(real|float|float4)$/i.test(base))
    return { type: 'number', logicalType: { kind: 'float', bits: 32 }, remoteType };
  if (/^(double|double precision|float8)$/i.test(base))
    return { type: 'number', logicalType: { kind: 'float', bits: 64 }, remoteType };
  if (NUMBERS.test(base)) return { type: 'number', logicalType: { kind: 'text' }, remoteType };
  if (/^bool(ean)?$/i.test(base)) return { type: 'boolean', logicalType: { kind: 'boolean' }, remoteType };
  if (/^uuid$/i.test(base)) return { type: 'string', logicalType: { kind: 'uuid' }, remoteType };
  return { type: 'string', logicalType: { kind: 'text' }, remoteType };
}
