import {
  type FieldDescription,
  type FilterBound,
  type FilterCondition,
  type RowFilter,
  readFilter,
  SyncError,
  TRIMMED,
  toFilterKind,
} from '../../core/index.ts';
import type { SqlDialect } from './dialect.ts';

export interface FilteredTable {
  /** For messages. */
  readonly id: string;
  readonly fields: readonly FieldDescription[];
}

/**
 * The condition that all filters hold, for a WHERE; null when there is none. It selects what `matchesFilter` says.
 * `toColumn`: the SQL expression of a field, a quoted name as a rule.
 * @throws `SOURCE_CHANGED` when a field is gone; `FILTER_MISFIT` when its type does not fit its filter any more
 */
export function toFilterCondition(
  table: FilteredTable,
  filters: readonly RowFilter[],
  dialect: SqlDialect,
  toColumn: (field: FieldDescription) => string,
): string | null {
  const conditions = filters.map((filter) => {
    const field = table.fields.find(({ id }) => id === filter.field) ?? refuseGone(table, filter);
    return print({ field, column: toColumn(field), dialect }, readFilter(field, filter));
  });
  return conditions.length === 0 ? null : conditions.join(' AND ');
}

function refuseGone(table: FilteredTable, filter: RowFilter): never {
  throw new SyncError(
    'SOURCE_CHANGED',
    `${table.id} has no field ${filter.field} any more, which a filter of the sync asks about. Change the filter.`,
  );
}

interface Subject {
  readonly field: FieldDescription;
  readonly column: string;
  readonly dialect: SqlDialect;
}

function print(subject: Subject, condition: FilterCondition): string {
  if (condition.kind === 'is_null') return `${subject.column} IS ${condition.isNegated ? 'NOT ' : ''}NULL`;
  const positive = printPositive(subject, condition);
  return 'isNegated' in condition && condition.isNegated ? `NOT (${positive})` : `(${positive})`;
}

type Positive = Exclude<FilterCondition, { readonly kind: 'is_null' }>;

function printPositive(subject: Subject, condition: Positive): string {
  const { field, column, dialect } = subject;
  switch (condition.kind) {
    case 'range':
      return printRange(subject, condition.from, condition.to);
    case 'one_of':
      return printOneOf(subject, condition.values);
    case 'like':
      return dialect.like(dialect.toText(field, column), condition.pattern);
    case 'trimmed':
      return `${dialect.trim(dialect.toText(field, column), TRIMMED)} = ${dialect.quoteText(condition.text)}`;
    case 'has_element':
      return dialect.hasElement(field, column, condition.element);
  }
}

function printRange({ field, column, dialect }: Subject, from: FilterBound | null, to: FilterBound | null): string {
  const operand = dialect.toOperand(field, column);
  const isOne = from?.isInclusive === true && to?.isInclusive === true && from.text === to.text;
  if (isOne) return printEqual({ field, column, dialect }, [from.text]);
  const ordered = toFilterKind(field) === 'text' ? dialect.toBytewise(operand) : operand;
  const sides = [
    from === null ? [] : `${ordered} ${from.isInclusive ? '>=' : '>'} ${dialect.toLiteral(field, from.text)}`,
    to === null ? [] : `${ordered} ${to.isInclusive ? '<=' : '<'} ${dialect.toLiteral(field, to.text)}`,
  ];
  return sides.flat().join(' AND ');
}

/** Of no values none is equal, and NULL stays unknown. */
function printOneOf(subject: Subject, values: readonly string[]): string {
  return values.length === 0 ? `${subject.column} IS NULL AND NULL` : printEqual(subject, values);
}

function printEqual({ field, column, dialect }: Subject, values: readonly string[]): string {
  const operand = dialect.toOperand(field, column);
  const literals = values.map((text) => dialect.toLiteral(field, text));
  const test = literals.length === 1 ? ` = ${literals[0]}` : ` IN (${literals.join(', ')})`;
  // By the column's own collation an index can serve, but it may ignore case.
  const isExact = toFilterKind(field) !== 'text' || operand !== column;
  return isExact ? `${operand}${test}` : `${operand}${test} AND ${dialect.toBytewise(operand)}${test}`;
}
