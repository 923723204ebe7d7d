import { setTimeout as sleep } from 'node:timers/promises';
import { SyncError } from '../core/index.ts';

export interface RetryPolicy {
  readonly maxAttempts: number;
  readonly firstDelayMs: number;
  readonly maxDelayMs: number;
}

/** A database that restarts is back well within these two minutes of attempts. */
export const SEGMENT_RETRY: RetryPolicy = { maxAttempts: 8, firstDelayMs: 500, maxDelayMs: 30_000 };

/** True for failures that go away by themselves. */
export function isRetryable(error: unknown): boolean {
  return error instanceof SyncError && (error.kind === 'transient' || error.kind === 'rate_limited');
}

/** The same, and a system out of reach that has answered before: it is being restarted or moved. */
export function isOutage(error: unknown): boolean {
  return isRetryable(error) || (error instanceof SyncError && error.code === 'CONN_UNREACHABLE');
}

/** True when a server has no place for us; who waits for it must not keep others waiting. */
export function isFull(error: unknown): boolean {
  return error instanceof SyncError && error.code === 'CONN_FULL';
}

/** Whoever holds a server's last places may need them for minutes. */
const FULL_LIMIT_MS = 10 * 60_000;

/** How long a step is tried again and again: so many times, and where a server has no place for us, for so long. */
export class Patience {
  readonly #policy: RetryPolicy;
  #failures = 0;
  #tries = 0;
  #fullSince: number | undefined;

  constructor(policy: RetryPolicy) {
    this.#policy = policy;
  }

  /** How often it was tried without success, at least once. */
  get tries(): number {
    return this.#tries;
  }

  /** Notes a failure. @returns false when it does not pass by itself, or has not for long enough */
  endures(error: unknown): boolean {
    if (!isOutage(error)) return false;
    this.#tries += 1;
    if (isFull(error)) {
      this.#fullSince ??= performance.now();
      return performance.now() - this.#fullSince < FULL_LIMIT_MS;
    }
    this.#failures += 1;
    return this.#failures < this.#policy.maxAttempts;
  }
}

/**
 * Milliseconds before the next attempt: what the other side asked for, else exponential back-off with jitter.
 * @param attempt the number of failures so far, from 1
 * @param random a number in [0, 1), injected so that a seed replays a run
 */
export function retryDelay(policy: RetryPolicy, attempt: number, error: unknown, random: () => number): number {
  const asked = error instanceof SyncError ? error.retryAfterMs : undefined;
  const backOff = Math.min(policy.maxDelayMs, policy.firstDelayMs * 2 ** (attempt - 1));
  return asked ?? backOff * (0.5 + random() / 2);
}

/** Waits for that long; rejects when the signal fires. */
export async function waitBeforeRetry(
  policy: RetryPolicy,
  attempt: number,
  error: unknown,
  random: () => number,
  signal: AbortSignal,
): Promise<void> {
  await sleep(retryDelay(policy, attempt, error, random), undefined, { signal });
}
