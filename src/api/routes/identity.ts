import { API_VERSIONS, envelope, identitySchema } from '../../contract/index.ts';
import { findOwnOrganization } from '../../operations/index.ts';
import { defineRoute } from '../route.ts';

/** Who am I. */
export const identityRoutes = [
  defineRoute({
    method: 'GET',
    url: '/api/me',
    versions: API_VERSIONS,
    operationId: 'identity.get',
    summary: 'Tell who the key belongs to',
    response: envelope(identitySchema),
    callers: 'any',
    handle: async (context) => {
      const { caller } = context;
      const organization = await findOwnOrganization(context);
      const data = {
        ...(caller.userId === null ? {} : { id: caller.userId }),
        ...(caller.email === null ? {} : { email: caller.email }),
        ...(caller.role === null ? {} : { role: caller.role }),
        is_user: caller.kind === 'user',
        is_organization: caller.kind === 'organization',
        is_partner: caller.kind === 'partner',
        is_system: caller.kind === 'deployment',
        ...(organization === null ? {} : { organization_id: organization.id, organization_name: organization.name }),
      };
      return { data };
    },
  }),
];
