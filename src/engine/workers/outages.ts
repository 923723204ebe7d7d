import { SyncError } from '../../core/index.ts';
import { type RetryPolicy, retryDelay, SEGMENT_RETRY } from '../retry.ts';

/** Long enough that another worker takes an execution which this one has passed on. */
export const PLAN_PAUSE: RetryPolicy = { maxAttempts: 3, firstDelayMs: 20_000, maxDelayMs: 20_000 };

interface Outage {
  readonly failures: number;
  readonly until: number;
}

/**
 * Executions whose systems this process cannot reach. While another worker may be able to, their steps are given back, and
 * this process leaves them alone for growing times.
 */
export class Outages {
  readonly #byExecution = new Map<string, Outage>();
  readonly #policy: RetryPolicy;
  readonly #random: () => number;

  constructor(random: () => number, policy: RetryPolicy = SEGMENT_RETRY) {
    this.#random = random;
    this.#policy = policy;
  }

  /** Notes one more failure. @returns how many there were without a success between */
  add(executionId: string, error: unknown): number {
    const before = this.#byExecution.get(executionId);
    const isPaused = before !== undefined && before.until > performance.now();
    // Lanes that lose one network together have met one outage.
    if (isPaused) return before.failures;
    const failures = (before?.failures ?? 0) + 1;
    const until = performance.now() + retryDelay(this.#policy, failures, error, this.#random);
    this.#byExecution.set(executionId, { failures, until });
    return failures;
  }

  /** True between a failure and the next success. */
  has(executionId: string): boolean {
    return this.#byExecution.has(executionId);
  }

  isPaused(executionId: string): boolean {
    return (this.#byExecution.get(executionId)?.until ?? 0) > performance.now();
  }

  /** True behind as many failures as one process alone would try. */
  isHopeless(executionId: string): boolean {
    return (this.#byExecution.get(executionId)?.failures ?? 0) >= this.#policy.maxAttempts;
  }

  forget(executionId: string): void {
    this.#byExecution.delete(executionId);
  }
}

/** True for what another machine may not suffer from: the network gave no answer, no server said no. */
export function isOutOfReach(error: unknown): boolean {
  return (
    error instanceof SyncError &&
    (error.code === 'CONN_LOST' || error.code === 'CONN_UNREACHABLE') &&
    error.detail.sqlState === undefined
  );
}
