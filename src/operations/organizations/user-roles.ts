import type { RoleRecord } from '../../store/index.ts';
import { fromLegacyRole } from '../permissions/legacy-role.ts';
import { refuseField } from '../refusals.ts';

/** The roles that a request gives a user: by ids, or by the deprecated word; neither = as they are. */
export interface RolesInput {
  readonly role: string | null;
  readonly roleIds: readonly string[] | null;
}

/**
 * The ids of the roles that a user is to have, each once.
 * @param otherwise what holds when the request says nothing: ids, or a word
 * @throws `REQUEST_REFUSED` for both ways at once, for no role, or for one that the organization does not have
 */
export function resolveRoles(
  roles: readonly RoleRecord[],
  { role, roleIds }: RolesInput,
  otherwise: string | readonly string[],
): string[] {
  if (role !== null && roleIds !== null) throw refuseField('role', 'give either `role` or `role_ids`, not both');
  if (roleIds !== null) return checkIds(roles, roleIds);
  const word = role ?? otherwise;
  return typeof word === 'string' ? [findByWord(roles, word)] : [...word];
}

function checkIds(roles: readonly RoleRecord[], ids: readonly string[]): string[] {
  if (ids.length === 0) throw refuseField('role_ids', 'a user needs at least one role');
  for (const [index, id] of ids.entries()) {
    if (!roles.some((role) => role.id === id))
      throw refuseField(`role_ids[${index}]`, `there is no role ${id} in this organization`);
  }
  return [...new Set(ids)];
}

function findByWord(roles: readonly RoleRecord[], word: string): string {
  const key = fromLegacyRole(word);
  const found = roles.find((role) => role.systemKey === key);
  if (key === undefined || found === undefined)
    throw refuseField(
      'role',
      `"${word}" is none of admin, member, sync_editor, viewer; name other roles in \`role_ids\``,
    );
  return found.id;
}
