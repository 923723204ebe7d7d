import type { FormatOffer, OfferedField } from '../../connector-kit/index.ts';
import type { FieldDescription, FieldType, LogicalType } from '../../core/index.ts';

/** What we know of one built-in type, by the name that `format_type` gives it. */
interface TypeRule {
  /** The public API's word. */
  readonly type: FieldType;
  /** What its values mean in every system; absent = it travels as text outside of PostgreSQL, which is declared. */
  readonly logicalType?: (precision: number | null, scale: number | null) => LogicalType;
  /** What its COPY BINARY bytes mean, where that differs. */
  readonly wireLogicalType?: LogicalType;
  /** Ordered values by which changes can be found. */
  readonly canTrack?: boolean;
}

const TEXT: LogicalType = { kind: 'text' };
/** The most digits that a numeric without precision can hold before and behind the point. */
const WIDEST_DECIMAL: LogicalType = { kind: 'decimal', precision: 147_455, scale: 16_383 };
/** The widest decimal that every other system has a type for. */
const MAX_SHARED_PRECISION = 38;
const OPAQUE: LogicalType = { kind: 'bytes' };

/**
 * The allow-list: types whose COPY BINARY bytes mean the same on every server, so that they are copied unread. A type
 * of the user (enum, composite, extension) has its own OIDs inside and is never here.
 */
const RULES: Readonly<Record<string, TypeRule>> = {
  boolean: { type: 'boolean', logicalType: () => ({ kind: 'boolean' }) },
  smallint: { type: 'number', logicalType: () => ({ kind: 'integer', bits: 16 }), canTrack: true },
  integer: { type: 'number', logicalType: () => ({ kind: 'integer', bits: 32 }), canTrack: true },
  bigint: { type: 'number', logicalType: () => ({ kind: 'integer', bits: 64 }), canTrack: true },
  real: { type: 'number', logicalType: () => ({ kind: 'float', bits: 32 }) },
  'double precision': { type: 'number', logicalType: () => ({ kind: 'float', bits: 64 }) },
  numeric: { type: 'number', logicalType: toDecimal, wireLogicalType: WIDEST_DECIMAL },
  text: { type: 'string', logicalType: () => TEXT },
  'character varying': { type: 'string', logicalType: () => TEXT },
  character: { type: 'string', logicalType: () => TEXT },
  bpchar: { type: 'string', logicalType: () => TEXT },
  name: { type: 'string', logicalType: () => TEXT },
  bytea: { type: 'binary', logicalType: () => ({ kind: 'bytes' }) },
  uuid: { type: 'string', logicalType: () => ({ kind: 'uuid' }) },
  json: { type: 'object', logicalType: () => ({ kind: 'json' }) },
  jsonb: { type: 'object', logicalType: () => ({ kind: 'json' }) },
  date: { type: 'datetime', logicalType: () => ({ kind: 'date' }), canTrack: true },
  'time without time zone': { type: 'string', logicalType: () => ({ kind: 'time' }) },
  'time with time zone': { type: 'string', wireLogicalType: OPAQUE },
  'timestamp without time zone': { type: 'datetime', logicalType: () => ({ kind: 'timestamp' }), canTrack: true },
  'timestamp with time zone': { type: 'datetime', logicalType: () => ({ kind: 'timestamptz' }), canTrack: true },
  interval: { type: 'string', wireLogicalType: OPAQUE },
  inet: { type: 'string', wireLogicalType: OPAQUE },
  cidr: { type: 'string', wireLogicalType: OPAQUE },
  macaddr: { type: 'string', wireLogicalType: OPAQUE },
  macaddr8: { type: 'string', wireLogicalType: OPAQUE },
  bit: { type: 'string', wireLogicalType: OPAQUE },
  'bit varying': { type: 'string', wireLogicalType: OPAQUE },
};

/** What `format_type` printed, taken apart. */
interface ParsedType {
  readonly base: string;
  readonly precision: number | null;
  readonly scale: number | null;
}

function parseType(remoteType: string): ParsedType {
  const match = /^(.+?)(?:\((-?\d+)(?:,(-?\d+))?\))?( with(?:out)? time zone)?$/.exec(remoteType);
  const base = `${match?.[1] ?? remoteType}${match?.[4] ?? ''}`;
  return {
    base: /^interval( |$)/.test(base) ? 'interval' : base.replace(/^"bit"$/, 'bit'),
    precision: match?.[2] === undefined ? null : Number(match[2]),
    scale: match?.[3] === undefined ? null : Number(match[3]),
  };
}

/** A numeric without precision, or wider than other systems can hold, has no shared decimal type. */
function toDecimal(precision: number | null, scale: number | null): LogicalType {
  if (precision === null) return TEXT;
  // numeric(3,-2) rounds to hundreds and still prints whole numbers; numeric(2,5) holds 0.00099 at most.
  const digits = Math.max(precision - Math.min(scale ?? 0, 0), scale ?? 0);
  return digits > MAX_SHARED_PRECISION ? TEXT : { kind: 'decimal', precision: digits, scale: Math.max(scale ?? 0, 0) };
}

/** A column's type in the platform's words, by the name that `format_type` gives (of a domain: its base type). */
export function describeType(remoteType: string): Pick<FieldDescription, 'type' | 'logicalType' | 'canTrack'> {
  const { base, precision, scale } = parseType(remoteType);
  const rule = RULES[base];
  if (rule === undefined) return { type: guessFieldType(remoteType), logicalType: TEXT, canTrack: false };
  return {
    type: rule.type,
    logicalType: rule.logicalType?.(precision, scale) ?? TEXT,
    canTrack: rule.canTrack === true,
  };
}

function guessFieldType(remoteType: string): FieldType {
  if (remoteType.endsWith('[]')) return 'array';
  return remoteType === 'money' ? 'number' : 'string';
}

/** True when COPY BINARY bytes of this type can be written unread into a column of the same type. */
export function isBinaryType(type: string): boolean {
  return RULES[parseType(type).base] !== undefined;
}

/** Both formats in which we can send these fields, the cheaper first. */
export function offerFormats(fields: readonly FieldDescription[]): readonly FormatOffer[] {
  return [
    { format: 'pgcopy-binary', fields: fields.map(toBinaryField) },
    { format: 'csv', fields: fields.map(toCsvField) },
  ];
}

function toBinaryField(field: FieldDescription): OfferedField {
  const { base, precision, scale } = parseType(field.remoteType);
  const rule = RULES[base];
  if (rule === undefined) return toPushedDown(field, field.remoteType === 'money' ? 'numeric' : 'text', WIDEST_DECIMAL);
  const shared = rule.logicalType?.(precision, scale) ?? OPAQUE;
  const isShared = rule.wireLogicalType === undefined || shared.kind === 'decimal';
  return {
    id: field.id,
    logicalType: isShared ? shared : (rule.wireLogicalType ?? shared),
    wireType: field.remoteType,
    conversion: null,
    isNullable: field.isNullable,
  };
}

function toCsvField(field: FieldDescription): OfferedField {
  const { base } = parseType(field.remoteType);
  const isText = field.logicalType.kind === 'text';
  // The text of these types is their value; every other type that lands as text is cast there, and says so.
  const isPlain = !isText || ['text', 'character varying', 'name'].includes(base);
  if (!isPlain) return toPushedDown(field, 'text', TEXT);
  return {
    id: field.id,
    logicalType: field.logicalType,
    wireType: field.remoteType,
    conversion: null,
    isNullable: field.isNullable,
  };
}

function toPushedDown(field: FieldDescription, wireType: 'text' | 'numeric', numericType: LogicalType): OfferedField {
  const kind = field.values === undefined ? '' : 'enum ';
  return {
    id: field.id,
    logicalType: wireType === 'text' ? TEXT : numericType,
    wireType,
    conversion: `${field.id}: ${kind}${field.remoteType} as ${wireType}`,
    isNullable: field.isNullable,
  };
}
