import { createHash, randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { type LinkQuery, openLink, signLink } from './links.ts';

/** A key per organization, as the store derives one. */
const servicesOf = (installation: string) => ({
  store: {
    linkKeyOf: (organizationId: string) => createHash('sha256').update(`${installation} ${organizationId}`).digest(),
  },
});
const services = servicesOf('this');
const now = new Date('2026-01-01T00:00:00Z');
const organizationId = randomUUID();
const path = '/downloads/executions/one%2Ftwo/console';

function make(): { path: string; query: LinkQuery } {
  const url = new URL(
    signLink(services, { organizationId, path, expiresAt: new Date(now.getTime() + 60_000) }),
    'http://x',
  );
  const { organization = '', expires = '', signature = '' } = Object.fromEntries(url.searchParams);
  return { path: url.pathname, query: { organization, expires, signature } };
}

describe('a signed link', () => {
  it('opens with what it was made for, until it expires', () => {
    const link = make();
    expect(link.path).toBe(path);
    expect(openLink(services, link.path, link.query, now)).toBe(organizationId);
    const later = new Date(now.getTime() + 60_000);
    expect(() => openLink(services, link.path, link.query, later)).toThrow('has expired');
  });

  it.each([
    ['another path', '/downloads/executions/three/console', {}],
    ['another organization', path, { organization: randomUUID() }],
    ['a later end', path, { expires: '99999999999' }],
    ['an end that is no number', path, { expires: 'never' }],
    ['no signature', path, { signature: '' }],
    ['a signature of another length', path, { signature: 'AAAA' }],
  ])('does not open with %s', (_what, otherPath, change) => {
    const link = make();
    expect(() => openLink(services, otherPath, { ...link.query, ...change }, now)).toThrow('not one that this server');
  });

  it('does not open in another installation', () => {
    const link = make();
    expect(() => openLink(servicesOf('other'), link.path, link.query, now)).toThrow('not one that this server');
  });
});
