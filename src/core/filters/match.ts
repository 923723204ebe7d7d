import { type FilterCondition, type FilterElement, readFilter, trim } from './condition.ts';
import type { RowFilter } from './filter.ts';
import { type FilteredField, toElementField, toFilterKind } from './kind.ts';
import type { FilterBound } from './operands.ts';
import { comparePositions, toPosition } from './order.ts';

/**
 * True when a value passes a filter: what every source's push-down must agree with. NULL passes `IsNull` only.
 * `value`: null; the canonical text of the field's type (docs/specs/canonical.md), or a boolean, number, bigint or Date
 * of the same meaning; of an array, a list of such (lists within it count as its elements); of JSON, what was parsed.
 * @throws `FILTER_MISFIT` when the filter does not fit the field
 */
export function matchesFilter(
  field: FilteredField & { readonly id: string },
  value: unknown,
  filter: RowFilter,
): boolean {
  const condition = readFilter(field, filter);
  const isNull = value === null || value === undefined;
  if (condition.kind === 'is_null') return isNull !== condition.isNegated;
  if (isNull) return false;
  return meets(field, value, condition) !== ('isNegated' in condition && condition.isNegated);
}

function meets(
  field: FilteredField,
  value: unknown,
  condition: Exclude<FilterCondition, { readonly kind: 'is_null' }>,
): boolean {
  switch (condition.kind) {
    case 'range':
      return isWithin(field, toText(value), condition.from, condition.to);
    case 'one_of':
      return condition.values.some((one) => isSame(field, toText(value), one));
    case 'like':
      return toPattern(condition.pattern).test(toText(value));
    case 'trimmed':
      return trim(toText(value)) === condition.text;
    case 'has_element':
      return toFilterKind(field) === 'json'
        ? hasJsonElement(value, condition.element)
        : hasElement(toElementField(field), value, condition.element.text);
  }
}

function isWithin(field: FilteredField, text: string, from: FilterBound | null, to: FilterBound | null): boolean {
  const position = toPosition(field, text);
  const isAbove = from === null || reaches(comparePositions(position, toPosition(field, from.text)), from);
  return isAbove && (to === null || reaches(-comparePositions(position, toPosition(field, to.text)), to));
}

function reaches(distance: number, bound: FilterBound): boolean {
  return distance > 0 || (distance === 0 && bound.isInclusive);
}

function isSame(field: FilteredField, left: string, right: string): boolean {
  return comparePositions(toPosition(field, left), toPosition(field, right)) === 0;
}

function toText(value: unknown): string {
  if (value instanceof Date) return value.toISOString();
  if (typeof value === 'boolean') return value ? 't' : 'f';
  return String(value);
}

/** With the flag s a point is any character, with u a whole one. */
function toPattern(pattern: string): RegExp {
  const source = pattern.replace(/\\(.)|./gsu, (character, escaped?: string) => {
    if (character === '%') return '.*';
    return character === '_' ? '.' : toLiteral(escaped ?? character);
  });
  return new RegExp(`^${source}$`, 'su');
}

function toLiteral(character: string): string {
  return character.replace(/[.*+?^${}()|[\]/\\]/, '\\$&');
}

function hasElement(element: FilteredField, value: unknown, wanted: string): boolean {
  if (Array.isArray(value)) return value.some((one) => hasElement(element, one, wanted));
  return value !== null && isSame(element, toText(value), wanted);
}

function hasJsonElement(value: unknown, wanted: FilterElement): boolean {
  if (!Array.isArray(value)) return false;
  return value.some((one: unknown) => {
    if (wanted.type === 'number') return typeof one === 'number' && isSame(NUMBER, String(one), wanted.text);
    if (wanted.type === 'boolean') return typeof one === 'boolean' && toText(one) === wanted.text;
    return one === wanted.text;
  });
}

const NUMBER: FilteredField = { type: 'number', logicalType: { kind: 'text' }, remoteType: 'number' };
