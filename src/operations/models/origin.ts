import { MODEL_ORIGINS, type ModelOrigin, type ModelOriginKind, SyncError } from '../../core/index.ts';
import { refuseField } from '../refusals.ts';

/** A longer text is no query that a person wrote. */
const MAX_TEXT = 100_000;

/**
 * What a model's configuration names.
 * @param field how the configuration is called in the request
 * @param kinds what the connection offers
 * @throws `REQUEST_MALFORMED` for an unknown key or a value that is no text; `REQUEST_REFUSED` for none, several, or one that
 * the connection does not offer
 */
export function readOrigin(
  configuration: Readonly<Record<string, unknown>>,
  kinds: readonly ModelOriginKind[],
  field = 'configuration',
): ModelOrigin {
  const given = Object.entries(configuration).filter(
    ([, value]) => value !== undefined && value !== null && value !== '',
  );
  const [first, second] = given.map(([key, value]) => toOrigin(field, key, value));
  const choice = kinds.map((kind) => `\`${kind}\``).join(', ');
  if (first === undefined) throw refuseField(field, `give one of ${choice}`);
  if (second !== undefined) throw refuseField(field, `give one of ${choice}, not several`);
  if (!kinds.includes(first.kind))
    throw refuseField(`${field}.${first.kind}`, `the connection does not offer this; give ${choice}`);
  return first;
}

function toOrigin(field: string, key: string, value: unknown): ModelOrigin {
  const kind = MODEL_ORIGINS.find((known) => known === key);
  if (kind === undefined) throw malformed(`${field}.${key}`, 'is not a known field');
  if (typeof value !== 'string') throw malformed(`${field}.${key}`, 'must be of type string');
  if (value.length > MAX_TEXT) throw malformed(`${field}.${key}`, `must have at most ${MAX_TEXT} characters`);
  return { kind, value };
}

function malformed(field: string, problem: string): SyncError {
  return new SyncError('REQUEST_MALFORMED', `The configuration does not fit: \`${field}\` ${problem}.`, {
    detail: { fields: [{ field, problem }] },
  });
}
