import type { FieldType, LogicalType } from '../../core/index.ts';

/** What we know of one built-in type, by the name that `format_type` gives it. */
export interface TypeRule {
  /** The public API's word. */
  readonly type: FieldType;
  /** What its values mean in every system; absent = outside of PostgreSQL it travels converted, which is declared. */
  readonly logicalType?: (precision: number | null, scale: number | null) => LogicalType;
  /** What its COPY BINARY bytes mean, where that differs. */
  readonly wireLogicalType?: LogicalType;
  /** What it is cast to outside of PostgreSQL when it is no text. */
  readonly shared?: SharedForm;
  /** Ordered values by which changes can be found. */
  readonly canTrack?: boolean;
}

/** A type that every system knows, and what it is called here. */
export interface SharedForm {
  readonly wireType: string;
  readonly logicalType: LogicalType;
}

/** Any text. */
export const TEXT: LogicalType = { kind: 'text' };
/** The most digits that a numeric without precision can hold before and behind the point. */
export const WIDEST_DECIMAL: LogicalType = { kind: 'decimal', precision: 147_455, scale: 16_383 };
/** The widest decimal that every other system has a type for. */
const MAX_SHARED_PRECISION = 38;
/** Bytes that PostgreSQL reads, and nobody else. */
export const OPAQUE: LogicalType = { kind: 'bytes' };
const WHOLE_NUMBER: SharedForm = { wireType: 'bigint', logicalType: { kind: 'integer', bits: 64 } };

const opaqueText: TypeRule = { type: 'string', wireLogicalType: OPAQUE };
const opaqueNumber: TypeRule = { type: 'number', wireLogicalType: OPAQUE };

/**
 * The allow-list: types whose COPY BINARY bytes mean the same on every server, so that they are copied unread. A type
 * of the user (enum, composite, extension) has its own OIDs inside and is never here; nor are the types that name
 * objects of one database (`regclass` …) or whose scale belongs to one server (`money`).
 */
export const TYPE_RULES: Readonly<Record<string, TypeRule>> = {
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
  '"char"': opaqueText,
  bytea: { type: 'binary', logicalType: () => ({ kind: 'bytes' }) },
  uuid: { type: 'string', logicalType: () => ({ kind: 'uuid' }) },
  json: { type: 'object', logicalType: () => ({ kind: 'json' }) },
  jsonb: { type: 'object', logicalType: () => ({ kind: 'json' }) },
  xml: { type: 'string', wireLogicalType: TEXT },
  jsonpath: opaqueText,
  date: { type: 'datetime', logicalType: () => ({ kind: 'date' }), canTrack: true },
  'time without time zone': { type: 'string', logicalType: () => ({ kind: 'time' }) },
  'time with time zone': opaqueText,
  'timestamp without time zone': { type: 'datetime', logicalType: () => ({ kind: 'timestamp' }), canTrack: true },
  'timestamp with time zone': { type: 'datetime', logicalType: () => ({ kind: 'timestamptz' }), canTrack: true },
  interval: opaqueText,
  inet: opaqueText,
  cidr: opaqueText,
  macaddr: opaqueText,
  macaddr8: opaqueText,
  bit: opaqueText,
  'bit varying': opaqueText,
  point: opaqueText,
  line: opaqueText,
  lseg: opaqueText,
  box: opaqueText,
  path: opaqueText,
  polygon: opaqueText,
  circle: opaqueText,
  int4range: opaqueText,
  int8range: opaqueText,
  numrange: opaqueText,
  daterange: opaqueText,
  tsrange: opaqueText,
  tstzrange: opaqueText,
  int4multirange: opaqueText,
  int8multirange: opaqueText,
  nummultirange: opaqueText,
  datemultirange: opaqueText,
  tsmultirange: opaqueText,
  tstzmultirange: opaqueText,
  tsvector: opaqueText,
  tsquery: opaqueText,
  pg_lsn: opaqueText,
  pg_snapshot: opaqueText,
  txid_snapshot: opaqueText,
  oid: { ...opaqueNumber, shared: WHOLE_NUMBER },
  xid: opaqueNumber,
  xid8: opaqueNumber,
  cid: opaqueNumber,
  tid: opaqueText,
  oidvector: opaqueText,
  int2vector: opaqueText,
  refcursor: { type: 'string', wireLogicalType: TEXT },
};

/** A numeric without precision, or wider than other systems can hold, has no shared decimal type. */
function toDecimal(precision: number | null, scale: number | null): LogicalType {
  if (precision === null) return TEXT;
  // numeric(3,-2) rounds to hundreds and still prints whole numbers; numeric(2,5) holds 0.00099 at most.
  const digits = Math.max(precision - Math.min(scale ?? 0, 0), scale ?? 0);
  return digits > MAX_SHARED_PRECISION ? TEXT : { kind: 'decimal', precision: digits, scale: Math.max(scale ?? 0, 0) };
}

/** What `format_type` printed, taken apart. */
export interface ParsedType {
  /** Without precision; of an array, the name of its elements' type. */
  readonly base: string;
  readonly precision: number | null;
  readonly scale: number | null;
  readonly isArray: boolean;
}

/** Takes a type's name apart; what is no name of ours comes back as `base`. */
export function parseType(remoteType: string): ParsedType {
  const isArray = remoteType.endsWith('[]');
  const element = isArray ? remoteType.slice(0, -2) : remoteType;
  const match = /^(.+?)(?:\((-?\d+)(?:,(-?\d+))?\))?( with(?:out)? time zone)?$/.exec(element);
  const base = `${match?.[1] ?? element}${match?.[4] ?? ''}`;
  return {
    base: /^interval( |$)/.test(base) ? 'interval' : base.replace(/^"bit"$/, 'bit'),
    precision: match?.[2] === undefined ? null : Number(match[2]),
    scale: match?.[3] === undefined ? null : Number(match[3]),
    isArray,
  };
}
