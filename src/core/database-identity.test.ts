import { expect, it } from 'vitest';
import { isSameDatabase } from './database-identity.ts';

it.each([
  ['a server and itself', ['a', 'h'], ['a', 'h'], true],
  ['a server and a copy of it', ['a', 'h'], ['b', 'h'], false],
  ['a server and its standby', ['a', 'h'], [null, 'h'], true],
  ['a standby and another', [null, 'h'], [null, 'h'], true],
  ['a standby and a server of another history', [null, 'h'], ['a', 'i'], false],
  ['what tells nothing', [null, null], [null, null], false],
  ['a server that does not tell its history, and itself', ['a', null], ['a', null], true],
] as const)('compares %s', (_, one, other, expected) => {
  const toIdentity = ([running, history]: readonly [string | null, string | null]) => ({ running, history });
  expect(isSameDatabase(toIdentity(one), toIdentity(other))).toBe(expected);
  expect(isSameDatabase(toIdentity(other), toIdentity(one))).toBe(expected);
});
