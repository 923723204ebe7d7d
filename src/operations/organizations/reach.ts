import { SyncError } from '../../core/index.ts';
import { findReachable, type OrganizationReach, type OrganizationRecord } from '../../store/index.ts';
import { type Context, createContext, type Services } from '../context.ts';

/** An organization that a partner or deployment key reaches, with a context that acts inside it. */
export interface EnteredOrganization {
  readonly organization: OrganizationRecord;
  readonly context: Context;
}

/** What a caller that reaches several organizations works with. @throws `FORBIDDEN` for every other caller */
export function requireReach(context: Context): { readonly services: Services; readonly reach: OrganizationReach } {
  const { caller, installation } = context;
  if (installation !== null) {
    return {
      services: installation,
      reach: caller.kind === 'deployment' ? 'all' : { ownerId: caller.ownerId ?? caller.organizationId },
    };
  }
  throw new SyncError(
    'FORBIDDEN',
    'This operation is for partner and deployment keys, sent alone as `Authorization: Bearer <key>`.',
    { detail: { callers: ['partner', 'deployment'] } },
  );
}

/**
 * Goes into one of the organizations that the caller reaches: what is done there is done in its name.
 * @throws `FORBIDDEN` for a caller that is neither partner nor deployment; `NOT_FOUND` for an organization out of reach
 */
export async function enterOrganization(context: Context, id: string): Promise<EnteredOrganization> {
  const { services, reach } = requireReach(context);
  const organization = await findReachable(services.store.db, reach, id);
  if (organization === undefined) throw new SyncError('NOT_FOUND', `There is no organization ${id}.`);
  return { organization, context: contextIn(context, services, organization) };
}

function contextIn({ caller }: Context, services: Services, { id, name }: OrganizationRecord): Context {
  return createContext(services, { ...caller, organizationId: id, organizationName: name });
}
