import type { FilterFunction } from './syncs.ts';

/**
 * A row filter as a source applies it. All filters of a schema must hold. Plain JSON: it is stored with the plan.
 * Meaning of each function: docs/specs/filters.md.
 */
export interface RowFilter {
  /** Field id. */
  readonly field: string;
  readonly function: FilterFunction;
  /** What the function compares with; times relative to now have been made absolute when the execution was planned. */
  readonly value: unknown;
}
