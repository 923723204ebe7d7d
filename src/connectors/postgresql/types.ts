import type { FormatOffer, OfferedField } from '../../connector-kit/index.ts';
import type { FieldDescription, FieldType } from '../../core/index.ts';
import { toColumn } from './sql.ts';
import { OPAQUE, parseType, type SharedForm, TEXT, TYPE_RULES, WIDEST_DECIMAL } from './type-rules.ts';

/** Types whose printed text is their value, so that sending it is no conversion. */
const PLAIN_TEXTS: readonly string[] = ['text', 'character varying', 'name'];
const AS_TEXT: SharedForm = { wireType: 'text', logicalType: TEXT };
/**
 * Arrays and composite types outside of PostgreSQL: their own text has quoting rules that no other system reads, JSON
 * is taken apart everywhere.
 */
const AS_JSON: SharedForm = { wireType: 'json', logicalType: { kind: 'json' } };
/** Money has as many digits behind the point as the server's locale says, at most four; 64 bits in all. */
const MONEY: SharedForm = {
  wireType: 'numeric(23,4)',
  logicalType: { kind: 'decimal', precision: 23, scale: 4 },
};
/** A 32-bit float that is printed widened is rounded once, wherever it is read. */
const WIDENED: Readonly<Record<string, string>> = { real: 'double precision' };

/** What the catalogue says of a type beside its name. */
export interface TypeShape {
  /** A row type of the user. */
  readonly isComposite: boolean;
}

/** A column's type in the platform's words, by the name that `format_type` gives (of a domain: its base type). */
export function describeType(
  remoteType: string,
  { isComposite }: TypeShape = { isComposite: false },
): Pick<FieldDescription, 'type' | 'logicalType' | 'canTrack'> {
  const { base, precision, scale, isArray } = parseType(remoteType);
  const rule = isArray ? undefined : TYPE_RULES[base];
  if (rule === undefined)
    return { type: guessFieldType(base, isArray, isComposite), logicalType: TEXT, canTrack: false };
  return {
    type: rule.type,
    logicalType: rule.logicalType?.(precision, scale) ?? TEXT,
    canTrack: rule.canTrack === true,
  };
}

function guessFieldType(base: string, isArray: boolean, isComposite: boolean): FieldType {
  if (isArray) return 'array';
  if (isComposite) return 'object';
  return base === 'money' ? 'number' : 'string';
}

/** True when COPY BINARY bytes of this type, or of an array of it, can be written unread into a column of the same type. */
export function isBinaryType(type: string): boolean {
  return TYPE_RULES[parseType(type).base] !== undefined;
}

/** Both formats in which we can send these fields, the cheaper first; those of `asText` as their text. */
export function offerFormats(
  fields: readonly FieldDescription[],
  asText: ReadonlySet<string> = new Set(),
): readonly FormatOffer[] {
  const offer = (toField: (field: FieldDescription) => OfferedField) =>
    fields.map((field) => (asText.has(field.id) ? toFreeTextField(field) : toField(field)));
  return [
    { format: 'pgcopy-binary', fields: offer(toBinaryField) },
    { format: 'csv', fields: offer(toCsvField) },
  ];
}

function toBinaryField(field: FieldDescription): OfferedField {
  const { base, precision, scale, isArray } = parseType(field.remoteType);
  const rule = TYPE_RULES[base];
  if (rule === undefined) {
    const isNumber = field.remoteType === 'money';
    return toPushedDown(field, isNumber ? { wireType: 'numeric', logicalType: WIDEST_DECIMAL } : AS_TEXT);
  }
  const shared = rule.logicalType?.(precision, scale) ?? OPAQUE;
  const isShared = rule.wireLogicalType === undefined || shared.kind === 'decimal';
  const meaning = isShared ? shared : (rule.wireLogicalType ?? shared);
  return toPlain(field, isArray ? OPAQUE : meaning, field.remoteType);
}

function toCsvField(field: FieldDescription): OfferedField {
  const { base, isArray } = parseType(field.remoteType);
  if (isArray) return toPushedDown(field, AS_JSON);
  const rule = TYPE_RULES[base];
  if (rule === undefined && field.type === 'object') return toPushedDown(field, AS_JSON);
  if (base === 'money') return toPushedDown(field, MONEY);
  if (rule?.shared !== undefined) return toPushedDown(field, rule.shared);
  if (field.logicalType.kind === 'text') return toTextField(field);
  return toPlain(field, field.logicalType, WIDENED[base] ?? field.remoteType);
}

/** Every other type than the plain texts is cast, and says so. */
function toTextField(field: FieldDescription): OfferedField {
  const { base, isArray } = parseType(field.remoteType);
  const isPlain = !isArray && PLAIN_TEXTS.includes(base);
  return isPlain ? toPlain(field, TEXT, field.remoteType) : toPushedDown(field, AS_TEXT);
}

/** Text that is to be changed on its way, so no length of the field's own type holds. */
function toFreeTextField(field: FieldDescription): OfferedField {
  const { wireType } = AS_TEXT;
  return field.remoteType === wireType ? toPlain(field, TEXT, wireType) : toPushedDown(field, AS_TEXT);
}

function toPlain(field: FieldDescription, logicalType: OfferedField['logicalType'], wireType: string): OfferedField {
  return { id: field.id, logicalType, wireType, conversion: null, isNullable: field.isNullable };
}

function toPushedDown(field: FieldDescription, { wireType, logicalType }: SharedForm): OfferedField {
  const kind = field.values === undefined ? '' : 'enum ';
  return {
    id: field.id,
    logicalType,
    wireType,
    conversion: `${field.id}: ${kind}${field.remoteType} as ${wireType}`,
    isNullable: field.isNullable,
  };
}

/** SQL of a column's value as it was offered. */
export function toWireExpression(field: FieldDescription, wireType: string): string {
  const column = toColumn(field);
  if (field.remoteType === wireType) return column;
  // No array and no composite type can be cast to json.
  const isBuilt = wireType === AS_JSON.wireType && field.remoteType !== 'jsonb';
  return isBuilt ? `to_json(${column})` : `${column}::${wireType}`;
}
