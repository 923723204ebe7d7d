/** Versions of the public API that are served, newest first; asked for by the header below. */
export const API_VERSIONS = ['2025-09-18', '2024-02-08', '2023-04-25'] as const;
export type ApiVersion = (typeof API_VERSIONS)[number];

/** Request header that picks a version, and answer header that names the one that served it. */
export const VERSION_HEADER = 'X-Polytomic-Version';

/** True for a version that is served. */
export function isApiVersion(value: string): value is ApiVersion {
  return API_VERSIONS.some((version) => version === value);
}
