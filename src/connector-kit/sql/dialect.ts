import type { FieldDescription, FilterElement } from '../../core/index.ts';

/** What differs between systems in the condition of a filter. Everything is SQL; `column` is the field's expression. */
export interface SqlDialect {
  /** The column as it is compared with literals of `toLiteral`; untouched where the system can, so that indexes serve. */
  toOperand(field: FieldDescription, column: string): string;
  /** A value of the field, from canonical text. Odd text must not get out of its quotes. */
  toLiteral(field: FieldDescription, text: string): string;
  /** The column as text. */
  toText(field: FieldDescription, column: string): string;
  /** A text literal. */
  quoteText(text: string): string;
  /** Text that is ordered by code points, whatever the column's collation. */
  toBytewise(text: string): string;
  /** `%`, `_`, and `\` as the escape. */
  like(text: string, pattern: string): string;
  /** Text without these characters at both ends. */
  trim(text: string, characters: string): string;
  /** True or false, or NULL where the column is NULL or the negation must not hold. */
  hasElement(field: FieldDescription, column: string, element: FilterElement): string;
}
