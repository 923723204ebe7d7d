import { createHash, randomBytes } from 'node:crypto';
import type { KeyKind } from '../../store/index.ts';

/** A new key: 256 random bits; the prefix is for people and for scanners that look for leaked keys. */
export function createKey(kind: KeyKind): string {
  return `millrace_${kind}_${randomBytes(32).toString('base64url')}`;
}

/** Keys are random, so one plain hash is enough; only it is stored. */
export function hashKey(key: string): Buffer {
  return createHash('sha256').update(key).digest();
}

/** What may be shown of a key, for people who look for one among several. */
export function hintOf(key: string): string {
  return key.slice(-4);
}
