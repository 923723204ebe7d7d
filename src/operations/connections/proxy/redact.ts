import type { HttpAccess } from '../../../connector-kit/index.ts';
import { REDACTED } from './rules.ts';

/** Shorter values, such as `v1`, are no keys, and stand in many answers by chance. */
const MIN_LENGTH = 6;

/** Replaces secrets in bytes read as Latin letters: one character for each byte. */
export type Redact = (bytes: string) => string;

/**
 * Makes what removes the connection's own values from an answer, where a system repeats what it was sent. They are found as
 * they are, as JSON and as a URL write them, and without a word such as `Bearer` before them.
 */
export function createRedaction({ headers, query }: HttpAccess): Redact {
  const values = [...headers, ...query].flatMap(({ value }) => [
    value,
    value.replace(/^\w+\s+/, ''),
    ...readBasic(value),
  ]);
  const secrets = values
    .filter((value) => value.length >= MIN_LENGTH)
    .flatMap((value) => [value, JSON.stringify(value).slice(1, -1), encodeURIComponent(value), toForm(value)])
    .flatMap((value) => [value, Buffer.from(value, 'utf8').toString('latin1')]);
  // The longest first: one may be the beginning of another.
  const parts = [...new Set(secrets)].sort((a, b) => b.length - a.length).map((value) => RegExp.escape(value));
  if (parts.length === 0) return (bytes) => bytes;
  const pattern = new RegExp(parts.join('|'), 'g');
  return (bytes) => bytes.replace(pattern, REDACTED);
}

/** The password inside of `Basic …`. */
function readBasic(value: string): string[] {
  const [, token] = /^Basic (.+)$/.exec(value) ?? [];
  if (token === undefined) return [];
  const pair = Buffer.from(token, 'base64').toString('utf8');
  return [pair, pair.slice(pair.indexOf(':') + 1)];
}

function toForm(value: string): string {
  return new URLSearchParams([['', value]]).toString().slice(1);
}
