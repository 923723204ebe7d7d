import { createHash } from 'node:crypto';
import { SyncError } from '../core/index.ts';

/** Guessing a key is hopeless; this keeps those who try, or whose key was revoked, from keeping the server busy. */
const MAX_FAILURES = 20;
const WINDOW_MS = 60_000;
/** Memory of addresses and of keys is bounded; the oldest are forgotten first. */
const MAX_REMEMBERED = 10_000;

/** Counts the unknown keys that come from one address, in this process. */
export interface LockOut {
  /** Call before a key is looked up. @throws `LOCKED_OUT` when the address must wait, unless the key was good lately */
  check(address: string, credentials: string): void;
  /** Call when the key opened something: it stays usable while somebody else behind the same address is locked out. */
  succeeded(credentials: string): void;
  /** Call when it opened nothing. */
  failed(address: string): void;
}

/** @param now milliseconds of a clock that never goes back */
export function createLockOut(now: () => number = () => performance.now()): LockOut {
  const failures = new Map<string, { count: number; readonly endsAt: number }>();
  const good = new Map<string, number>();
  return {
    check: (address, credentials) => {
      const known = failures.get(address);
      if (known === undefined || known.count < MAX_FAILURES) return;
      const leftMs = known.endsAt - now();
      if (leftMs <= 0) failures.delete(address);
      else if (!good.has(digestOf(credentials))) throw lockedOut(leftMs);
    },
    succeeded: (credentials) => remember(good, digestOf(credentials), now()),
    failed: (address) => {
      const known = failures.get(address);
      if (known !== undefined && known.endsAt > now()) known.count += 1;
      else remember(failures, address, { count: 1, endsAt: now() + WINDOW_MS });
    },
  };
}

function remember<T>(map: Map<string, T>, key: string, value: T): void {
  map.delete(key);
  map.set(key, value);
  const [oldest] = map.keys();
  if (map.size > MAX_REMEMBERED && oldest !== undefined) map.delete(oldest);
}

/** No key is kept in memory in clear. */
function digestOf(credentials: string): string {
  return createHash('sha256').update(credentials).digest('base64');
}

function lockedOut(leftMs: number): SyncError {
  return new SyncError(
    'LOCKED_OUT',
    `More than ${MAX_FAILURES} requests with unknown keys came from this address within a minute. Wait ${Math.ceil(leftMs / 1000)} seconds, then send a valid key.`,
    { retryAfterMs: leftMs },
  );
}
