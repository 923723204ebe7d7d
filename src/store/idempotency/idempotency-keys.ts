import { sql } from 'kysely';
import type { StoreDatabase } from '../database.ts';

/** A request is given up when its process has not moved its lease on for so long, in seconds. */
const LEASE_SECONDS = 60;

/** One try to answer a request that carries a key. */
export interface IdempotentAttempt {
  readonly organizationId: string;
  readonly key: string;
  /** SHA-256 of what makes two requests the same. */
  readonly fingerprint: Buffer;
  /** A new UUID. */
  readonly attempt: string;
}

/** What is known of a key; `status` null = in flight, `answer` null = not kept. */
export interface IdempotencyRecord {
  readonly fingerprint: Buffer;
  readonly status: number | null;
  readonly answer: Buffer | null;
}

/**
 * Takes a key that is new or expired, or whose same request was given up in flight.
 * @returns false when it is taken: `findIdempotencyKey` tells by what
 */
export async function claimIdempotencyKey(db: StoreDatabase, claim: IdempotentAttempt): Promise<boolean> {
  const { organizationId, key, fingerprint, attempt } = claim;
  const { rows } = await sql`
    INSERT INTO idempotency_keys AS k (organization_id, key, fingerprint, attempt, lease_until, expires_at)
    VALUES (${organizationId}, ${key}, ${fingerprint}, ${attempt}, ${leaseEnd()}, now() + interval '24 hours')
    ON CONFLICT (organization_id, key) DO UPDATE SET fingerprint = excluded.fingerprint, attempt = excluded.attempt,
      lease_until = excluded.lease_until, status = NULL, answer = NULL, expires_at = excluded.expires_at
    WHERE k.lease_until < now() AND k.fingerprint = excluded.fingerprint OR k.lease_until IS NULL AND k.expires_at < now()
    RETURNING 1`.execute(db);
  return rows.length === 1;
}

/** What a key was used for; undefined = never, or longer ago than 24 hours. */
export function findIdempotencyKey(
  db: StoreDatabase,
  organizationId: string,
  key: string,
): Promise<IdempotencyRecord | undefined> {
  return db
    .selectFrom('idempotencyKeys')
    .select(['fingerprint', 'status', 'answer'])
    .where('organizationId', '=', organizationId)
    .where('key', '=', key)
    .executeTakeFirst();
}

/** Keeps an answer, sealed, for 24 hours; null = only its status. Does nothing for an attempt that was given up. */
export async function keepIdempotentAnswer(
  db: StoreDatabase,
  { organizationId, key, attempt }: Omit<IdempotentAttempt, 'fingerprint'>,
  status: number,
  answer: Buffer | null,
): Promise<void> {
  await db
    .updateTable('idempotencyKeys')
    .set({ status, answer, leaseUntil: null, expiresAt: sql<Date>`now() + interval '24 hours'` })
    .where('organizationId', '=', organizationId)
    .where('key', '=', key)
    .where('attempt', '=', attempt)
    .execute();
}

/** Says that these attempts are still being worked on. */
export async function renewIdempotentAttempts(db: StoreDatabase, attempts: readonly string[]): Promise<void> {
  await db
    .updateTable('idempotencyKeys')
    .set({ leaseUntil: leaseEnd() })
    .where('attempt', '=', sql<string>`ANY (${attempts}::uuid[])`)
    .where('leaseUntil', 'is not', null)
    .execute();
}

/** Removes keys that have expired, at most `limit`. @returns how many; 0 = none is left */
export async function removeExpiredIdempotencyKeys(db: StoreDatabase, limit: number): Promise<number> {
  const { numAffectedRows } = await sql`
    DELETE FROM idempotency_keys WHERE (organization_id, key) IN (
      SELECT organization_id, key FROM idempotency_keys
      WHERE expires_at < now() ORDER BY expires_at LIMIT ${limit} FOR UPDATE SKIP LOCKED)`.execute(db);
  return Number(numAffectedRows ?? 0);
}

function leaseEnd() {
  return sql<Date>`now() + make_interval(secs => ${LEASE_SECONDS})`;
}
