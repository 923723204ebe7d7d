import { SyncError } from '../errors.ts';
import type { Filter } from './filter.ts';

/** Ends the reading of a filter. `reason` goes on from the function's name: `needs a list of two values.` */
export function refuse(reason: string): never {
  throw new SyncError('FILTER_MISFIT', reason);
}

/** What was refused, as a sentence that begins with the function's name; other errors pass. */
export function toReason(filter: Filter, error: unknown): string {
  if (error instanceof SyncError && error.code === 'FILTER_MISFIT') return `${filter.function} ${error.message}`;
  throw error;
}

/** Lets a refusal say which filter of which field is meant. */
export function nameMisfit<Result>(filter: Filter, read: () => Result): Result {
  try {
    return read();
  } catch (error) {
    throw new SyncError(
      'FILTER_MISFIT',
      `The filter on ${filter.field} cannot be applied: ${toReason(filter, error)} Change the filter.`,
    );
  }
}
