import { API_VERSIONS, envelope, identitySchema } from '../../contract/index.ts';
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
    handle: async ({ caller }) => ({
      data: {
        ...(caller.userId === null ? {} : { id: caller.userId }),
        ...(caller.email === null ? {} : { email: caller.email }),
        ...(caller.role === null ? {} : { role: caller.role }),
        is_user: caller.kind === 'user',
        is_organization: caller.kind === 'organization',
        is_partner: false,
        is_system: caller.kind === 'deployment',
        organization_id: caller.organizationId,
        organization_name: caller.organizationName,
      },
    }),
  }),
];
