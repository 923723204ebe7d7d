import type { Nullable, NullableTimestamp } from '../columns.ts';

/** Writes that carried an Idempotency-Key. */
export interface IdempotencyKeysTable {
  organizationId: string;
  key: string;
  fingerprint: Buffer;
  attempt: string;
  leaseUntil: NullableTimestamp;
  status: Nullable<number>;
  answer: Nullable<Buffer>;
  expiresAt: Date;
}
