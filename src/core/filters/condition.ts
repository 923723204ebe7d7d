import type { FilterFunction } from '../syncs.ts';
import type { RowFilter } from './filter.ts';
import { FUNCTION_RULES } from './functions.ts';
import { type FilteredField, toElementField, toFilterKind } from './kind.ts';
import { type FilterBound, readBetween, readBoolean, readBounds, readText, readUuid, readValues } from './operands.ts';
import { nameMisfit, refuse } from './refuse.ts';

/**
 * What a filter asks of a value, in few shapes: the same meaning for the databases and for the reference in memory. NULL
 * meets none but `is_null`, negated or not. Texts are canonical, and valid for the field's type.
 */
export type FilterCondition =
  | { readonly kind: 'is_null'; readonly isNegated: boolean }
  /** Null = open. A range that ends before it begins holds nothing. */
  | {
      readonly kind: 'range';
      readonly from: FilterBound | null;
      readonly to: FilterBound | null;
      readonly isNegated: boolean;
    }
  /** May be empty: then nothing is one of them. */
  | { readonly kind: 'one_of'; readonly values: readonly string[]; readonly isNegated: boolean }
  /** `%` any text, `_` one character, `\` takes the next character as it is. */
  | { readonly kind: 'like'; readonly pattern: string; readonly isNegated: boolean }
  /** Equal but for white space (ASCII) at both ends; `text` is without it. */
  | { readonly kind: 'trimmed'; readonly text: string }
  /** An element of an array; in JSON the type must be the same, too. */
  | { readonly kind: 'has_element'; readonly element: FilterElement; readonly isNegated: boolean };

export interface FilterElement {
  readonly type: 'text' | 'number' | 'boolean' | 'uuid';
  readonly text: string;
}

/** White space that `trimmed` takes off. */
export const TRIMMED = ' \t\n\v\f\r';

const NEGATED: ReadonlySet<FilterFunction> = new Set<FilterFunction>([
  'Inequality',
  'IsNotNull',
  'StringDoesNotContain',
  'StringDoesNotStartWith',
  'StringDoesNotEndWith',
  'StringNotOneOf',
  'StringNotLike',
  'ArrayDoesNotContain',
]);

/**
 * Reads a filter for the field that it is about.
 * @throws `FILTER_MISFIT` when the function or value does not fit the field
 */
export function toCondition(field: FilteredField, filter: RowFilter): FilterCondition {
  const { function: name, value } = filter;
  refuseMisplaced(field, name);
  const takesNone = FUNCTION_RULES[name].operand === 'none';
  if (takesNone && value !== undefined && value !== null && value !== '') refuse('takes no value.');
  return readCondition(field, filter, NEGATED.has(name));
}

/** @throws `FILTER_MISFIT` when the function is not for fields of this kind */
export function refuseMisplaced(field: FilteredField, name: FilterFunction): void {
  if (!FUNCTION_RULES[name].kinds.includes(toFilterKind(field)))
    refuse(`is not for fields of type ${field.remoteType}.`);
}

function readCondition(
  field: FilteredField,
  { function: name, value }: RowFilter,
  isNegated: boolean,
): FilterCondition {
  switch (name) {
    case 'IsNull':
    case 'IsNotNull':
      return { kind: 'is_null', isNegated };
    case 'True':
    case 'False':
      return toEqual(name === 'True' ? 't' : 'f', false);
    case 'Equality':
    case 'Inequality':
      return readEquality(field, value, isNegated);
    case 'StringOneOf':
    case 'StringNotOneOf':
      return { kind: 'one_of', values: readValues(field, value), isNegated };
    case 'ArrayContains':
    case 'ArrayDoesNotContain':
      return { kind: 'has_element', element: readElement(field, value), isNegated };
    case 'StringMatchesTrimmed':
      return { kind: 'trimmed', text: trim(readText(value)) };
    case 'Between':
      return { kind: 'range', ...readBetween(field, value), isNegated };
    case 'GreaterThan':
    case 'GreaterThanEqual':
    case 'OnOrAfter':
    case 'LessThan':
    case 'LessThanEqual':
    case 'OnOrBefore':
      return { kind: 'range', ...readSide(field, name, value), isNegated };
    default:
      return { kind: 'like', pattern: readPattern(name, value), isNegated };
  }
}

function readEquality(field: FilteredField, value: unknown, isNegated: boolean): FilterCondition {
  const { from, to } = readBounds(field, value);
  return { kind: 'range', from, to, isNegated };
}

function toEqual(text: string, isNegated: boolean): FilterCondition {
  const bound = { text, isInclusive: true };
  return { kind: 'range', from: bound, to: bound, isNegated };
}

function readSide(
  field: FilteredField,
  name: FilterFunction,
  value: unknown,
): { from: FilterBound | null; to: FilterBound | null } {
  const { from, to, before, after } = readBounds(field, value);
  if (name === 'GreaterThan') return { from: after, to: null };
  if (name === 'LessThan') return { from: null, to: before };
  return name === 'LessThanEqual' || name === 'OnOrBefore' ? { from: null, to } : { from, to: null };
}

function readElement(field: FilteredField, value: unknown): FilterElement {
  const isJson = toFilterKind(field) === 'json';
  if (isJson) {
    if (typeof value === 'boolean') return { type: 'boolean', text: readBoolean(value) };
    if (typeof value === 'string') return { type: 'text', text: readText(value) };
    const number: FilteredField = { type: 'number', logicalType: { kind: 'text' }, remoteType: 'number' };
    return { type: 'number', text: readValues(number, [value])[0] ?? '' };
  }
  const element = toElementField(field);
  const kind = toFilterKind(element);
  if (kind === 'boolean') return { type: 'boolean', text: readBoolean(value) };
  if (kind === 'uuid') return { type: 'uuid', text: readUuid(value) };
  if (kind === 'number') return { type: 'number', text: readValues(element, [value])[0] ?? '' };
  return { type: 'text', text: readText(value) };
}

function readPattern(name: FilterFunction, value: unknown): string {
  const text = readText(value);
  const escaped = text.replace(/[\\%_]/g, '\\$&');
  if (name === 'StringContains' || name === 'StringDoesNotContain') return `%${escaped}%`;
  if (name === 'StringStartsWith' || name === 'StringDoesNotStartWith') return `${escaped}%`;
  if (name === 'StringEndsWith' || name === 'StringDoesNotEndWith') return `%${escaped}`;
  if (/(^|[^\\])(\\\\)*\\$/.test(text)) refuse('must not end with a single backslash, which escapes what follows it.');
  return text;
}

/** Takes ASCII white space off both ends. */
export function trim(text: string): string {
  return text.replace(/^[ \t\n\v\f\r]+|[ \t\n\v\f\r]+$/g, '');
}

/** The same, for a field of a schema as it is now. @throws `FILTER_MISFIT` naming field and function */
export function readFilter(field: FilteredField & { readonly id: string }, filter: RowFilter): FilterCondition {
  return nameMisfit({ ...filter, field: field.id }, () => toCondition(field, filter));
}
