/** Versions of the public API that are served, newest first. A new one begins here. */
export const API_VERSIONS = ['2025-09-18', '2024-02-08', '2023-04-25'] as const;
export type ApiVersion = (typeof API_VERSIONS)[number];
