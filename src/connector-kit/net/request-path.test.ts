import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { findPathFault, toRequestUrl } from './request-path.ts';

const BASE = 'https://a.example/v1/deep';

describe('findPathFault', () => {
  it.each(['/', '/a', '/a/', '/a.b/..c', '/a%2Fb', '/ä ö', '/a:b@c', '/...', '/100%25', '/~x/(y)'])(
    'takes %s',
    (path) => {
      expect(findPathFault(path)).toBeNull();
      expect(toRequestUrl(BASE, path)?.href.startsWith(`${BASE}/`)).toBe(true);
    },
  );

  it.each([
    '',
    'a',
    'https://b.example/',
    '//b.example/',
    '/a//b',
    '/..',
    '/a/./b',
    '/a/.%2e/b',
    '/a/%2E%2E%2Fb',
    '/a/%25252e%25252e/b',
    '/a/..;jsessionid=1/b',
    '/a/.. /b',
    '/\\b.example',
    '/a/..%5cb',
    '/a\n/b',
    '/\t/b.example',
    '/a%00',
    '/a%0d%0aX-B:%20c',
    '/a?b',
    '/a#b',
    '/a%',
    '/a%ff',
  ])('refuses %j', (path) => {
    expect(findPathFault(path)).not.toBeNull();
  });

  it('lets no path leave the base URL', () => {
    const part = fc.constantFrom(
      '/',
      '.',
      '..',
      '%2e',
      '%2f',
      '%5c',
      '\\',
      '%25',
      ';',
      ' ',
      '@',
      ':',
      'a',
      '?',
      '\t',
      'ä',
      '2e',
    );
    fc.assert(
      fc.property(fc.array(part, { maxLength: 12 }), (parts) => {
        const path = `/${parts.join('')}`;
        if (findPathFault(path) !== null) return;
        const url = toRequestUrl(BASE, path);
        expect(url?.origin).toBe('https://a.example');
        expect(url?.pathname).toMatch(/^\/v1\/deep\//);
        expect(decodeURIComponent(url?.pathname ?? '')).not.toMatch(/\/\.\.?(\/|$)/);
      }),
      { numRuns: 300 },
    );
  });
});
