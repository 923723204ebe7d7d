import type { Defaulted, DefaultedTimestamp, Nullable, NullableTimestamp } from '../columns.ts';

/** A tenant: everything else belongs to one. */
export interface OrganizationsTable {
  id: string;
  name: string;
  /** The owner organization of the partner that made it (its own id for that one); null = no partner's. */
  ownerId: Nullable<string>;
  ssoDomain: Nullable<string>;
  ssoOrgId: Nullable<string>;
  issuer: Nullable<string>;
  /** Sealed `clientId` and `clientSecret`. */
  ssoSecrets: Nullable<Buffer>;
  createdAt: DefaultedTimestamp;
  updatedAt: DefaultedTimestamp;
}

/** A person in one organization. */
export interface UsersTable {
  id: string;
  organizationId: string;
  email: string;
  name: string;
  roleIds: Defaulted<string[]>;
  invitedAt: NullableTimestamp;
  createdAt: DefaultedTimestamp;
  updatedAt: DefaultedTimestamp;
}

/** Whose key one is: a user's, a partner's, or of those who run the installation. */
export type KeyKind = 'user' | 'partner' | 'deployment';

/** Keys that open the API. */
export interface ApiKeysTable {
  id: string;
  kind: KeyKind;
  /** Of a partner key: its owner organization. */
  organizationId: Nullable<string>;
  userId: Nullable<string>;
  /** SHA-256 of the key's text. */
  hash: Buffer;
  /** Its last characters; null for keys of older releases. */
  hint: Nullable<string>;
  createdAt: DefaultedTimestamp;
  revokedAt: NullableTimestamp;
}
