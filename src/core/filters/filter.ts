import type { FilterFunction } from '../syncs.ts';

/** A row filter as a user gives it. All filters of a schema must hold. Meaning of each function: docs/specs/filters.md. */
export interface Filter {
  /** Field id. */
  readonly field: string;
  readonly function: FilterFunction;
  /** What the function compares with; any JSON, which `checkFilter` judges. */
  readonly value: unknown;
}

/** Functions that compare with the time of the execution. */
export const RELATIVE_FUNCTIONS = ['InTheLast', 'RelativeOnOrBefore', 'RelativeOnOrAfter'] as const;
export type RelativeFunction = (typeof RELATIVE_FUNCTIONS)[number];

/**
 * A row filter as a source applies it: the same for the whole execution, because times relative to now have been made
 * absolute when it was planned. Plain JSON: it is stored with the plan.
 */
export interface RowFilter extends Filter {
  readonly function: Exclude<FilterFunction, RelativeFunction>;
}

/** True for a function that needs `resolveFilters` before a source can apply it. */
export function isRelative(name: FilterFunction): name is RelativeFunction {
  return RELATIVE_FUNCTIONS.some((relative) => relative === name);
}
