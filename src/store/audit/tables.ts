import type { ActorType, Defaulted, DefaultedTimestamp, Nullable, NullableJson } from '../columns.ts';

/** A part of an object as an answer shows it; secrets are masked. */
export type AuditValues = Readonly<Record<string, unknown>>;

export interface AuditEntriesTable {
  /** Grows, so it is the order, too. */
  id: Defaulted<string>;
  organizationId: string;
  actorId: Nullable<string>;
  actorType: ActorType;
  /** As it was then. */
  actorName: string;
  action: string;
  objectType: string;
  /** A UUID, but for what has none, such as a schema. */
  objectId: string;
  objectName: Nullable<string>;
  before: NullableJson<AuditValues>;
  after: NullableJson<AuditValues>;
  createdAt: DefaultedTimestamp;
}
