import type { OrganizationBody, OrganizationRequest, UserBody } from '../../contract/index.ts';
import type { OrganizationChange, OrganizationInput, OrganizationView, UserView } from '../../operations/index.ts';

/** An organization on the wire. */
export function toOrganizationBody({ id, name, ssoDomain, ssoOrgId, issuer }: OrganizationView): OrganizationBody {
  return {
    id,
    name,
    ...(ssoDomain === null ? {} : { sso_domain: ssoDomain }),
    ...(ssoOrgId === null ? {} : { sso_org_id: ssoOrgId }),
    ...(issuer === null ? {} : { issuer }),
  };
}

/** A request about an organization; what is left out, or empty, is not set. */
export function toOrganizationInput(body: OrganizationRequest): OrganizationInput {
  const text = (value: string | null | undefined): string | null =>
    value === undefined || value === '' ? null : value;
  return {
    name: body.name,
    ssoDomain: text(body.sso_domain),
    ssoOrgId: text(body.sso_org_id),
    issuer: text(body.issuer),
    clientId: text(body.client_id),
    clientSecret: text(body.client_secret),
  };
}

/** A user on the wire. */
export function toUserBody({ id, email, organizationId, role, roleIds }: UserView): UserBody {
  return { id, email, organization_id: organizationId, role, role_ids: [...roleIds] };
}

/** A user on the wire of version 2023-04-25. */
export function toWordUserBody(user: UserView): Omit<UserBody, 'role_ids'> {
  const { role_ids: _, ...body } = toUserBody(user);
  return body;
}

/** The same for a change: what is left out stays. */
export function toOrganizationChange(body: OrganizationRequest): OrganizationChange {
  const input = toOrganizationInput(body);
  return {
    name: input.name,
    ...(body.sso_domain === undefined ? {} : { ssoDomain: input.ssoDomain }),
    ...(body.sso_org_id === undefined ? {} : { ssoOrgId: input.ssoOrgId }),
    ...(body.issuer === undefined ? {} : { issuer: input.issuer }),
    ...(body.client_id === undefined ? {} : { clientId: input.clientId }),
    ...(body.client_secret === undefined ? {} : { clientSecret: input.clientSecret }),
  };
}
