import { describe, expect, it } from 'vitest';
import { LaneClock } from './lane-clock.ts';

function start() {
  const time = { ms: 100 };
  return { time, clock: new LaneClock(() => time.ms) };
}

describe('LaneClock', () => {
  it('calls overhead what no part accounts for', async () => {
    const { time, clock } = start();
    await clock.spend('idle', async () => {
      time.ms += 30;
    });
    time.ms += 50;
    clock.add({ source: 20, codec: 10.0004 });
    expect(clock.take()).toEqual({ idle: 30, source: 20, codec: 10, overhead: 20 });
  });

  it('begins anew with each record', () => {
    const { time, clock } = start();
    time.ms += 5;
    clock.take();
    time.ms += 7;
    expect(clock.take()).toEqual({ overhead: 7 });
  });

  it('counts all of an attempt that came to nothing as repeated, and keeps what was before', () => {
    const { time, clock } = start();
    clock.add({ idle: 4 });
    time.ms += 4;
    const attempt = clock.attempt();
    clock.add({ source: 6 });
    time.ms += 9;
    attempt[Symbol.dispose]();
    expect(clock.take()).toEqual({ idle: 4, repeated: 9 });
  });

  it('counts the time of work that fails', async () => {
    const { time, clock } = start();
    const work = clock.spend('proof', async () => {
      time.ms += 3;
      throw new Error('lost');
    });
    await expect(work).rejects.toThrow('lost');
    expect(clock.take()).toEqual({ proof: 3 });
  });

  it('has no overhead where parts ran side by side', () => {
    const { time, clock } = start();
    time.ms += 5;
    clock.add({ source: 8 });
    expect(clock.take()).toEqual({ source: 8 });
  });
});
