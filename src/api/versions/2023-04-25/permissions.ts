import type { Route } from '../../route.ts';
import { updatePolicyRoute, updateRoleRoute } from '../../routes/permissions.ts';
import { until } from '../range.ts';

const patch = { method: 'PATCH', versions: until('2023-04-25') } as const;

/** A change was a PATCH, with both parts of the body required even then. */
export const permissionRoutes: readonly Route[] = [
  { ...updateRoleRoute, ...patch },
  { ...updatePolicyRoute, ...patch },
];
