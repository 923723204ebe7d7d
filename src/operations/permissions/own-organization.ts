import type { Context } from '../context.ts';
import { refuseField } from '../refusals.ts';

/** @throws `REQUEST_REFUSED` when a body names an organization in which the key does not act */
export function refuseOtherOrganization(context: Context, organizationId: string | null): void {
  if (organizationId !== null && organizationId !== context.caller.organizationId)
    throw refuseField('organization_id', 'the key acts in another organization; leave it out');
}
