import type { ConfigurationValue } from '../../connector-kit/index.ts';
import { refuseField } from '../refusals.ts';

type Described = Readonly<Record<string, ConfigurationValue>>;
type Configuration = Readonly<Record<string, unknown>>;

/**
 * Refuses keys that the connector does not describe, missing ones that it requires, and values of another type than
 * described.
 * @param field `source_configuration` or `destination_configuration`
 * @throws `REQUEST_REFUSED` naming the key
 */
export function checkConfiguration(configuration: Configuration, described: Described, field: string): void {
  for (const [key, value] of Object.entries(configuration)) {
    const description = Object.hasOwn(described, key) ? described[key] : undefined;
    if (description === undefined) {
      const known = Object.keys(described);
      throw refuseField(
        `${field}.${key}`,
        known.length === 0 ? 'there is nothing to set here' : `not known here; known are ${known.join(', ')}`,
      );
    }
    if (!isUnset(value)) checkValue(value, description, `${field}.${key}`);
  }
  for (const [key, description] of Object.entries(described)) {
    if (description.required === true && isUnset(configuration[key]))
      throw refuseField(`${field}.${key}`, 'it is required');
  }
}

function checkValue(value: unknown, description: ConfigurationValue, field: string): void {
  if (description.items !== undefined) {
    if (!isObject(value)) throw refuseField(field, 'must be an object');
    checkConfiguration(value, description.items, field);
    return;
  }
  const isScalar = ['string', 'boolean', 'number'].includes(typeof value);
  if (!isScalar || (description.type !== undefined && typeof value !== description.type)) {
    throw refuseField(field, `must be a ${description.type ?? 'text, number or switch'}`);
  }
}

/**
 * Keys whose value differs from the connector's default, as dotted paths such as `advanced.hard_deletes`.
 * Nothing, null, false and the empty text count as the default where none is described.
 */
export function listChangedKeys(configuration: Configuration | null, described: Described): string[] {
  return Object.entries(configuration ?? {}).flatMap(([key, value]) => {
    const description = Object.hasOwn(described, key) ? described[key] : undefined;
    if (description?.items !== undefined && isObject(value)) {
      return listChangedKeys(value, description.items).map((inner) => `${key}.${inner}`);
    }
    return isDefault(value, description?.default) ? [] : [key];
  });
}

function isDefault(value: unknown, expected: unknown): boolean {
  if (isUnset(value)) return true;
  return isUnset(expected) || expected === false ? value === false : value === expected;
}

function isUnset(value: unknown): boolean {
  return value === undefined || value === null || value === '';
}

function isObject(value: unknown): value is Configuration {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
