import { describe, expect, it } from 'vitest';
import { maskConfiguration, unmaskConfiguration } from './masking.ts';

const definition = { secrets: ['password', 'headers', 'auth'], shownInSecrets: ['name', 'username'] };
const stored = {
  url: 'https://a.example',
  password: 'p',
  headers: [
    { name: 'X-A', value: 'one' },
    { name: 'X-B', value: 'two' },
    { name: 'X-A', value: 'three' },
  ],
  auth: { basic: { username: 'ann', password: 'q' } },
};

describe('maskConfiguration', () => {
  it('masks secrets at every depth, and shows what they are called', () => {
    expect(maskConfiguration(definition, { ...stored, password: '' })).toEqual({
      url: 'https://a.example',
      password: '',
      headers: ['X-A', 'X-B', 'X-A'].map((name) => ({ name, value: '********' })),
      auth: { basic: { username: 'ann', password: '********' } },
    });
  });

  it('masks what is called like nothing that is shown', () => {
    expect(maskConfiguration(definition, { auth: { other: ['x', { deep: 1 }] } })).toEqual({
      auth: { other: ['********', { deep: '********' }] },
    });
  });
});

describe('unmaskConfiguration', () => {
  it('gives back what was masked', () => {
    expect(unmaskConfiguration(definition, maskConfiguration(definition, stored), stored)).toEqual(stored);
  });

  it('follows names when items of a list are removed or change places', () => {
    const headers = [
      { name: 'X-B', value: '********' },
      { name: 'X-A', value: '********' },
      { name: 'X-C', value: 'new' },
    ];
    expect(unmaskConfiguration(definition, { headers }, stored).headers).toEqual([
      { name: 'X-B', value: 'two' },
      { name: 'X-A', value: 'one' },
      { name: 'X-C', value: 'new' },
    ]);
  });

  it.each([
    [{ headers: [{ name: 'X-C', value: '********' }] }, 'configuration.headers[0].value'],
    [{ headers: ['********'] }, 'configuration.headers[0]'],
    [{ auth: '********' }, 'configuration.auth'],
    [{ auth: { header: { name: 'X-A', value: '********' } } }, 'configuration.auth.header.value'],
    [{ auth: { basic: { constructor: '********' } } }, 'configuration.auth.basic.constructor'],
  ])('refuses a mask that stands for nothing: %j', (given, field) => {
    expect(() => unmaskConfiguration(definition, given, stored)).toThrow(
      expect.objectContaining({ code: 'REQUEST_REFUSED', detail: expect.objectContaining({ field }) }),
    );
  });
});
