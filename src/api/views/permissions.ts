import type { PolicyBody, PolicyRequest, RoleBody, RoleRequest } from '../../contract/index.ts';
import type { PolicyInput, PolicyView, RoleView } from '../../operations/index.ts';

/** A role on the wire. */
export function toRoleBody({ id, name, organizationId, isSystem }: RoleView): RoleBody {
  return { id, name, organization_id: organizationId, system: isSystem };
}

/** A policy on the wire. */
export function toPolicyBody({ id, name, organizationId, isSystem, actions }: PolicyView): PolicyBody {
  return {
    id,
    name,
    organization_id: organizationId,
    system: isSystem,
    policy_actions: actions.map(({ action, roleIds }) => ({ action, role_ids: [...roleIds] })),
  };
}

/** A request about a policy. */
export function toPolicyInput(body: PolicyRequest): PolicyInput {
  return {
    name: body.name,
    organizationId: body.organization_id ?? null,
    actions: (body.policy_actions ?? []).map(({ action, role_ids: roleIds }) => ({ action, roleIds: roleIds ?? [] })),
  };
}

/** A request about a role. */
export function toRoleInput({ name, organization_id: organizationId }: RoleRequest) {
  return { name, organizationId: organizationId ?? null };
}
