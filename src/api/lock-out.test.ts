import { describe, expect, it } from 'vitest';
import { createLockOut } from './lock-out.ts';

const BAD = 'Bearer nope';

/** A lock-out with a clock that tests move. */
function start() {
  const clock = { now: 1000 };
  const lockOut = createLockOut(() => clock.now);
  const fail = (times: number, address = '192.0.2.1'): void => {
    for (let count = 0; count < times; count++) lockOut.failed(address);
  };
  return { clock, lockOut, fail };
}

describe('the lock-out', () => {
  it('begins with the twentieth unknown key within a minute and tells how long to wait', () => {
    const { clock, lockOut, fail } = start();
    fail(19);
    lockOut.check('192.0.2.1', BAD);
    clock.now += 20_000;
    fail(1);
    expect(() => lockOut.check('192.0.2.1', BAD)).toThrow(
      expect.objectContaining({ code: 'LOCKED_OUT', retryAfterMs: 40_000 }),
    );
    lockOut.check('192.0.2.2', BAD);
  });

  it('ends with the minute', () => {
    const { clock, lockOut, fail } = start();
    fail(30);
    clock.now += 60_000;
    lockOut.check('192.0.2.1', BAD);
    fail(1);
    lockOut.check('192.0.2.1', BAD);
  });

  it('counts anew in each minute', () => {
    const { clock, lockOut, fail } = start();
    for (let minute = 0; minute < 3; minute++) {
      fail(19);
      clock.now += 60_000;
    }
    lockOut.check('192.0.2.1', BAD);
  });

  it('lets a key pass that was good lately', () => {
    const { lockOut, fail } = start();
    lockOut.succeeded('Bearer good');
    fail(20);
    lockOut.check('192.0.2.1', 'Bearer good');
    expect(() => lockOut.check('192.0.2.1', 'Bearer other')).toThrow('Wait');
  });
});
