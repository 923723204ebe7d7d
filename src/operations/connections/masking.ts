import type { ConnectorDefinition } from '../../connector-kit/index.ts';
import { refuseField } from '../refusals.ts';

/** What stands for a stored secret in every answer; sent back, it keeps the stored one. */
const SECRET_MASK = '********';

type Secrets = Pick<ConnectorDefinition<unknown>, 'secrets' | 'shownInSecrets'>;
type Values = Readonly<Record<string, unknown>>;

/** Configuration as it is answered: every secret that is set is masked, inside objects and lists, too. */
export function maskConfiguration(definition: Secrets, configuration: Values): Values {
  return Object.fromEntries(
    Object.entries(configuration).map(([key, value]) => [
      key,
      definition.secrets.includes(key) ? mask(value, definition.shownInSecrets ?? []) : value,
    ]),
  );
}

function mask(value: unknown, shown: readonly string[]): unknown {
  if (Array.isArray(value)) return value.map((item) => mask(item, shown));
  if (!isObject(value)) return value === '' ? value : SECRET_MASK;
  return Object.fromEntries(
    Object.entries(value).map(([key, part]) => [key, shown.includes(key) ? part : mask(part, shown)]),
  );
}

/**
 * Puts stored secrets where the mask was sent back. In a list the secret is that of the item with the same `name`.
 * @throws `REQUEST_REFUSED` when there is nothing stored that the mask could stand for
 */
export function unmaskConfiguration(definition: Secrets, configuration: Values, stored: Values): Values {
  return Object.fromEntries(
    Object.entries(configuration).map(([key, value]) => [
      key,
      definition.secrets.includes(key) ? unmask(value, stored[key], `configuration.${key}`) : value,
    ]),
  );
}

function unmask(value: unknown, stored: unknown, place: string): unknown {
  if (Array.isArray(value))
    return value.map((item: unknown, index) => unmask(item, findNamesake(value, index, stored), `${place}[${index}]`));
  if (isObject(value)) {
    const inside = isObject(stored) ? stored : {};
    return Object.fromEntries(
      Object.entries(value).map(([key, part]) => [key, unmask(part, ownValue(inside, key), `${place}.${key}`)]),
    );
  }
  if (value !== SECRET_MASK) return value;
  // A mask is a text, and stands for one.
  if (stored === undefined || typeof stored === 'object')
    throw refuseField(place, 'no secret is stored that the mask stands for; send the secret itself');
  return stored;
}

/** The stored item of the same name; of several the one that is as many namesakes from the beginning. */
function findNamesake(given: readonly unknown[], index: number, stored: unknown): unknown {
  const name = nameOf(given[index]);
  if (name === undefined || !Array.isArray(stored)) return undefined;
  const before = given.slice(0, index).filter((item) => nameOf(item) === name).length;
  return stored.filter((item) => nameOf(item) === name)[before];
}

function nameOf(item: unknown): unknown {
  return isObject(item) ? ownValue(item, 'name') : undefined;
}

function ownValue(values: Values, key: string): unknown {
  return Object.hasOwn(values, key) ? values[key] : undefined;
}

function isObject(value: unknown): value is Values {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
