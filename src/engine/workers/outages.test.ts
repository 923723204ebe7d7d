import { describe, expect, it } from 'vitest';
import { SyncError } from '../../core/index.ts';
import { isOutOfReach, Outages } from './outages.ts';

const LOST = new SyncError('CONN_LOST', 'gone');

describe('executions whose systems are out of reach', () => {
  it('are left alone for a while, and taken up again behind a success', () => {
    const outages = new Outages(() => 0);
    expect(outages.isPaused('a')).toBe(false);
    outages.add('a', LOST);
    expect([outages.isPaused('a'), outages.isPaused('b')]).toEqual([true, false]);
    outages.forget('a');
    expect(outages.isPaused('a')).toBe(false);
  });

  it('count lanes that fail together as one failure, and are hopeless behind as many as one process alone would try', () => {
    const together = new Outages(() => 0);
    expect([together.add('a', LOST), together.add('a', LOST)]).toEqual([1, 1]);
    const apart = new Outages(() => 0, { maxAttempts: 3, firstDelayMs: 0, maxDelayMs: 0 });
    apart.add('a', LOST);
    apart.add('a', LOST);
    expect(apart.isHopeless('a')).toBe(false);
    apart.add('a', LOST);
    expect(apart.isHopeless('a')).toBe(true);
  });
});

it('takes a network without an answer for out of reach, not a server that said no', () => {
  expect(isOutOfReach(LOST)).toBe(true);
  expect(isOutOfReach(new SyncError('CONN_UNREACHABLE', 'no route'))).toBe(true);
  expect(isOutOfReach(new SyncError('CONN_LOST', 'shutting down', { detail: { sqlState: '57P01' } }))).toBe(false);
  expect(isOutOfReach(new SyncError('LOCK_TIMEOUT', 'locked'))).toBe(false);
  expect(isOutOfReach(new Error('other'))).toBe(false);
});
