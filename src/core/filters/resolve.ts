import { type Filter, isRelative, type RelativeFunction, type RowFilter } from './filter.ts';
import { nameMisfit } from './refuse.ts';
import { resolveMoment, resolveSpanStart } from './relative.ts';

/**
 * Makes times relative to now absolute, in UTC. Called once per execution, when it is planned, so that all its reads
 * and retries select the same records. The others stay as they are.
 * @throws `FILTER_MISFIT` for a relative expression that `checkFilter` would have refused
 */
export function resolveFilters(filters: readonly Filter[], now: Date): RowFilter[] {
  return filters.map((filter) => nameMisfit(filter, () => resolveFilter(filter, now)));
}

/** One of them; its refusals do not name it. */
export function resolveFilter({ field, function: name, value }: Filter, now: Date): RowFilter {
  return isRelative(name) ? { field, ...resolveOne(name, value, now) } : { field, function: name, value };
}

function resolveOne(name: RelativeFunction, value: unknown, now: Date): Pick<RowFilter, 'function' | 'value'> {
  switch (name) {
    case 'InTheLast':
      return { function: 'Between', value: [resolveSpanStart(value, now), now.toISOString()] };
    case 'RelativeOnOrAfter':
      return { function: 'OnOrAfter', value: resolveMoment(value, now) };
    case 'RelativeOnOrBefore':
      return { function: 'OnOrBefore', value: resolveMoment(value, now) };
  }
}
