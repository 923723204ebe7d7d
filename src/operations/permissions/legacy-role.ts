import type { SystemRole } from '../../store/index.ts';

/** The word by which the deprecated `role` calls a built-in role. */
const WORDS: Readonly<Record<SystemRole, string>> = {
  admin: 'admin',
  editor: 'member',
  sync_editor: 'sync_editor',
  viewer: 'viewer',
};

/** The deprecated `role` of who has these built-in roles: that of the most powerful; `member` also for roles of one's own. */
export function toLegacyRole(roles: readonly SystemRole[]): string {
  const best = (['admin', 'editor', 'sync_editor', 'viewer'] as const).find((role) => roles.includes(role));
  return best === undefined ? 'member' : WORDS[best];
}

/** The built-in role that the deprecated `role` means, in whatever case; undefined for a word that means none. */
export function fromLegacyRole(word: string): SystemRole | undefined {
  const key = word.toLowerCase().replaceAll(' ', '_');
  if (key === 'editor') return 'editor';
  return (['admin', 'editor', 'sync_editor', 'viewer'] as const).find((role) => WORDS[role] === key);
}
