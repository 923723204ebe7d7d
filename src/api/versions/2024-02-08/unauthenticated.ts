import type { ApiVersion } from '../../../contract/index.ts';
import { until } from '../range.ts';

/** True for versions whose 401 has a body of its own. */
export function hasOwnUnauthenticated(version: ApiVersion): boolean {
  return until('2024-02-08').includes(version);
}
