import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { createSecretBox } from './secrets.ts';

const owner = { organizationId: 'o1', connectionId: 'c1' };
const values = { password: 'höchst geheim', token: null, list: [1, 'two'] };

describe('a secret box', () => {
  const box = createSecretBox(randomBytes(32));

  it('opens what it sealed', () => {
    expect(box.unseal(box.seal(values, owner), owner)).toEqual(values);
  });

  it('never seals the same values to the same bytes', () => {
    expect(box.seal(values, owner).equals(box.seal(values, owner))).toBe(false);
  });

  it.each([
    ['organization', { organizationId: 'o2', connectionId: 'c1' }],
    ['connection', { organizationId: 'o1', connectionId: 'c2' }],
  ])('does not open for another %s', (_name, other) => {
    expect(() => box.unseal(box.seal(values, owner), other)).toThrow(/cannot be opened/);
  });

  it('does not open under another master key', () => {
    const other = createSecretBox(randomBytes(32));
    expect(() => other.unseal(box.seal(values, owner), owner)).toThrow(/cannot be opened/);
  });

  it('does not open when any byte was changed or cut off', () => {
    const sealed = box.seal(values, owner);
    for (let at = 0; at < sealed.length; at++) {
      const changed = Buffer.from(sealed);
      changed.writeUInt8(changed.readUInt8(at) ^ 1, at);
      expect(() => box.unseal(changed, owner)).toThrow(/cannot be opened/);
      expect(() => box.unseal(sealed.subarray(0, at), owner)).toThrow(/cannot be opened/);
    }
  });
});
