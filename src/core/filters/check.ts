import { refuseMisplaced, toCondition } from './condition.ts';
import type { Filter } from './filter.ts';
import type { FilteredField } from './kind.ts';
import { toReason } from './refuse.ts';
import { resolveFilter } from './resolve.ts';

/** Any time will do to see whether an expression can be read. */
const SOME_TIME = new Date(0);

/**
 * Why a filter does not fit its field, as a sentence such as `Between needs a list of two values.`, or null when it
 * fits. For the saving of a sync; the caller's message names field and schema.
 */
export function checkFilter(field: FilteredField, filter: Filter): string | null {
  try {
    refuseMisplaced(field, filter.function);
    toCondition(field, resolveFilter(filter, SOME_TIME));
    return null;
  } catch (error) {
    return toReason(filter, error);
  }
}
