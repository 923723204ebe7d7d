import { SyncError } from '../core/index.ts';

/**
 * What one process does. `api`: answers HTTP. `worker`: runs executions. `scheduler`: starts what is due, reads schemas
 * anew, tidies up. All of them take up what dead workers left.
 */
export const ROLES = ['api', 'worker', 'scheduler'] as const;
export type Role = (typeof ROLES)[number];

/**
 * Reads roles as a user writes them: `all`, or some of them, each in a text of its own or separated by commas.
 * @param texts empty = all
 * @throws `CONFIG_INVALID` naming what is no role
 */
export function parseRoles(texts: readonly string[]): ReadonlySet<Role> {
  const words = texts.flatMap((text) => text.split(',')).map((word) => word.trim());
  const named = words.filter((word) => word !== '');
  const unknown = named.find((word) => word !== 'all' && !isRole(word));
  if (unknown !== undefined)
    throw new SyncError(
      'CONFIG_INVALID',
      `MILLRACE_ROLE is "${unknown}", which is not a role: write ${ROLES.join(', ')} or all.`,
      { detail: { variable: 'MILLRACE_ROLE' } },
    );
  return new Set(named.length === 0 || named.includes('all') ? ROLES : named.filter(isRole));
}

function isRole(word: string): word is Role {
  return ROLES.some((role) => role === word);
}
