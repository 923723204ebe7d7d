import { API_VERSIONS, type ApiVersion } from '../../contract/index.ts';

/** This version and every later one, so that a new version has the route without a word. */
export function since(version: ApiVersion): readonly ApiVersion[] {
  return API_VERSIONS.slice(0, API_VERSIONS.indexOf(version) + 1);
}

/** This version and every earlier one. Its route stands in the folder of this version. */
export function until(version: ApiVersion): readonly ApiVersion[] {
  return API_VERSIONS.slice(API_VERSIONS.indexOf(version));
}
