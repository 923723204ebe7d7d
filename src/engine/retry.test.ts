import { afterEach, describe, expect, it, vi } from 'vitest';
import { ERROR_CODES, type ErrorCode, SyncError } from '../core/index.ts';
import { isOutage, isRetryable, Patience, type RetryPolicy, retryDelay, waitBeforeRetry } from './retry.ts';

const POLICY: RetryPolicy = { maxAttempts: 8, firstDelayMs: 500, maxDelayMs: 30_000 };

// Object.keys forgets the keys' type.
const CODES = Object.keys(ERROR_CODES) as ErrorCode[];

describe('which failures are tried again', () => {
  it.each(CODES)('%s by its kind', (code) => {
    const goesAway = ['transient', 'rate_limited'].includes(ERROR_CODES[code]);
    expect(isRetryable(new SyncError(code, 'text'))).toBe(goesAway);
    expect(isOutage(new SyncError(code, 'text'))).toBe(goesAway || code === 'CONN_UNREACHABLE');
  });

  it('never those we did not foresee', () => {
    expect(isRetryable(new Error('what is this'))).toBe(false);
    expect(isOutage('text')).toBe(false);
  });
});

describe('patience', () => {
  afterEach(() => void vi.useRealTimers());
  const lost = new SyncError('CONN_LOST', 'gone');
  const full = new SyncError('CONN_FULL', 'no place');

  it('ends with the last attempt of the policy', () => {
    const patience = new Patience(POLICY);
    const endured = Array.from({ length: POLICY.maxAttempts }, () => patience.endures(lost));
    expect(endured).toEqual([...Array.from({ length: 7 }, () => true), false]);
    expect(patience.tries).toBe(8);
  });

  it('has none with what does not pass', () => {
    expect(new Patience(POLICY).endures(new SyncError('TABLE_DIFFERS', 'other'))).toBe(false);
  });

  it('lasts ten minutes, however often, where a server has no place for us', () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    const patience = new Patience(POLICY);
    for (let minute = 0; minute < 10; minute += 0.5) {
      expect(patience.endures(full)).toBe(true);
      vi.advanceTimersByTime(30_000);
    }
    // What else goes wrong meanwhile has attempts of its own.
    expect(patience.endures(lost)).toBe(true);
    expect(patience.endures(full)).toBe(false);
  });
});

describe('the wait', () => {
  it.each([
    [1, 0, 250],
    [1, 1, 500],
    [2, 1, 1_000],
    [5, 0.5, 6_000],
    [8, 1, 30_000],
    [500, 1, 30_000],
  ])('before attempt %i at random %f is %i ms', (attempt, random, delayMs) => {
    expect(retryDelay(POLICY, attempt, new Error('x'), () => random)).toBe(delayMs);
  });

  it('is what the other side asked for', () => {
    const error = new SyncError('CONN_LOST', 'busy', { retryAfterMs: 90_000 });
    expect(retryDelay(POLICY, 1, error, () => 0)).toBe(90_000);
  });

  it('ends with the signal', async () => {
    const controller = new AbortController();
    const waiting = waitBeforeRetry(POLICY, 8, new Error('x'), () => 1, controller.signal);
    controller.abort();
    await expect(waiting).rejects.toMatchObject({ name: 'AbortError' });
  });
});
