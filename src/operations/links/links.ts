import { createHmac, timingSafeEqual } from 'node:crypto';
import { SyncError } from '../../core/index.ts';
import type { ScopedServices } from '../context.ts';

/** What a link opens, and until when. */
export interface LinkTarget {
  readonly organizationId: string;
  /** Host-relative, encoded as it stands in the URL, without a query. */
  readonly path: string;
  readonly expiresAt: Date;
}

type LinkServices = { readonly store: Pick<ScopedServices['store'], 'linkKeyOf'> };

/**
 * A host-relative address that opens without a key until it expires. The signature covers organization, path and end; its
 * key comes from the master key, so the metadata database alone cannot make one.
 */
export function signLink(services: LinkServices, target: LinkTarget): string {
  const expires = String(Math.floor(target.expiresAt.getTime() / 1000));
  const signature = sign(services, target.organizationId, target.path, expires).toString('base64url');
  return `${target.path}?${new URLSearchParams({ organization: target.organizationId, expires, signature })}`;
}

/** The query of a link as it came in; nothing about it is trusted. */
export interface LinkQuery {
  readonly organization: string;
  readonly expires: string;
  readonly signature: string;
}

/**
 * The organization that a link was made for.
 * @param path as the request has it, still encoded
 * @throws `LINK_REFUSED` when it was changed, is of another installation, or has expired
 */
export function openLink(services: LinkServices, path: string, query: LinkQuery, now: Date): string {
  const given = Buffer.from(query.signature, 'base64url');
  const right = sign(services, query.organization, path, query.expires);
  if (given.length !== right.length || !timingSafeEqual(given, right))
    throw new SyncError('LINK_REFUSED', 'The link is not one that this server made. Ask for a new one.');
  if (Number(query.expires) * 1000 <= now.getTime())
    throw new SyncError('LINK_REFUSED', 'The link has expired. Ask for a new one.');
  return query.organization;
}

function sign({ store }: LinkServices, organizationId: string, path: string, expires: string): Buffer {
  return createHmac('sha256', store.linkKeyOf(organizationId))
    .update(JSON.stringify([organizationId, path, expires]))
    .digest();
}
