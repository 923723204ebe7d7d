import { API_VERSIONS, type ApiVersion } from '../core/index.ts';

export { API_VERSIONS, type ApiVersion };

/** Request header that picks a version, and answer header that names the one that served it. */
export const VERSION_HEADER = 'X-Polytomic-Version';

/** True for a version that is served. */
export function isApiVersion(value: string): value is ApiVersion {
  return API_VERSIONS.some((version) => version === value);
}
