import { EventEmitter } from 'node:events';
import { describe, expect, it } from 'vitest';
import { createLogger } from './logger.ts';
import { createShutdown, type ShutdownOptions } from './shutdown.ts';

function start(options: Partial<ShutdownOptions> = {}) {
  const source = new EventEmitter();
  const exited = Promise.withResolvers<number>();
  const exits: number[] = [];
  const clock = { ms: 0 };
  const logged: string[] = [];
  const log = createLogger({ output: { write: (line) => logged.push(line) } });
  const exit = (code: number) => {
    exits.push(code);
    exited.resolve(code);
  };
  const shutdown = createShutdown({ log, source, exit, now: () => clock.ms, ...options });
  return { shutdown, source, exited: exited.promise, exits, clock, logged };
}

describe('createShutdown', () => {
  it.each(['SIGINT', 'SIGTERM', 'SIGHUP', 'disconnect'])(
    'ends in order on %s: last registered first',
    async (event) => {
      const { shutdown, source, exited } = start();
      const order: string[] = [];
      shutdown.signal.addEventListener('abort', () => order.push('signal'));
      shutdown.onStop('database', () => void order.push('database'));
      shutdown.onStop('server', async () => void order.push('server'));
      source.emit(event);
      expect(await exited).toBe(0);
      expect(order).toEqual(['signal', 'server', 'database']);
    },
  );

  it('ends at once on a second Ctrl-C, but not on one that came doubled', async () => {
    const { shutdown, source, exits, clock } = start();
    shutdown.onStop('server', () => new Promise(() => {}));
    source.emit('SIGINT');
    clock.ms = 5;
    source.emit('SIGINT');
    expect(exits).toEqual([]);
    clock.ms = 900;
    source.emit('SIGINT');
    expect(exits).toEqual([130]);
  });

  it('goes on with the next step when one fails, and ends with code 1', async () => {
    const { shutdown, exited, logged } = start();
    let isDatabaseStopped = false;
    shutdown.onStop('database', () => {
      isDatabaseStopped = true;
    });
    shutdown.onStop('server', () => Promise.reject(new Error('stuck')));
    await shutdown.stop();
    expect(await exited).toBe(1);
    expect(isDatabaseStopped).toBe(true);
    expect(logged.join('')).toContain('could not stop server');
  });

  it('gives up after its limit, naming the step that hung', async () => {
    const { shutdown, exited, logged } = start({ limitMs: 1 });
    shutdown.onStop('server', () => new Promise(() => {}));
    await shutdown.stop();
    expect(await exited).toBe(1);
    expect(logged.join('')).toContain('gave up waiting for server to stop');
  });

  it('keeps the exit code of the first call, and runs the steps once', async () => {
    const { shutdown, exits } = start();
    let runs = 0;
    shutdown.onStop('server', () => {
      runs += 1;
    });
    await Promise.all([shutdown.stop(3), shutdown.stop()]);
    expect({ exits, runs }).toEqual({ exits: [3], runs: 1 });
  });
});
