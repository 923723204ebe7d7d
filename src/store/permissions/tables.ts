import type { DefaultedJson, DefaultedTimestamp, Nullable } from '../columns.ts';

/** Roles that every organization has and that nobody can change. */
export type SystemRole = 'admin' | 'editor' | 'sync_editor' | 'viewer';

/** Objects on which policies hang; each kind has a built-in policy per organization, which hangs on all of them. */
export type PolicyKind = 'connection' | 'model' | 'sync' | 'bulk_sync';

/** What the holders of some roles may do with the objects a policy hangs on. Role ids may be those of deleted roles. */
export interface PolicyGrant {
  readonly action: string;
  readonly roleIds: readonly string[];
}

/** A label that users carry. */
export interface RolesTable {
  id: string;
  organizationId: string;
  name: string;
  systemKey: Nullable<SystemRole>;
  createdAt: DefaultedTimestamp;
  updatedAt: DefaultedTimestamp;
}

/** What holders of roles may do. */
export interface PoliciesTable {
  id: string;
  organizationId: string;
  name: string;
  systemKind: Nullable<PolicyKind>;
  actions: DefaultedJson<readonly PolicyGrant[]>;
  createdAt: DefaultedTimestamp;
  updatedAt: DefaultedTimestamp;
}
