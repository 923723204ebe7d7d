import type { EventEmitter } from 'node:events';
import type { Logger } from './logger.ts';

/** The end of a process, in order. */
export interface Shutdown {
  /** Aborted when the process is asked to end, before the first step. */
  readonly signal: AbortSignal;
  /** Registers what has to be ended. Steps run one after another, the last registered first. */
  onStop(name: string, step: () => Promise<void> | void): void;
  /** Runs the steps and ends the process; a second call joins the first. `exitCode` of the first call counts. */
  stop(exitCode?: number): Promise<void>;
}

/** Settable for tests; the defaults are this process. */
export interface ShutdownOptions {
  readonly log: Pick<Logger, 'info' | 'error'>;
  /** All steps together get this long, in milliseconds. */
  readonly limitMs?: number;
  readonly source?: Pick<EventEmitter, 'on'>;
  readonly exit?: (code: number) => void;
  /** Milliseconds that only grow. */
  readonly now?: () => number;
}

const LIMIT_MS = 10_000;
/** Ctrl-C can arrive twice at once, from the terminal and from npm: that is one wish, not impatience. */
const SAME_WISH_MS = 500;
const EXIT_INTERRUPTED = 130;

/**
 * Listens for the wish to end: SIGINT, SIGTERM, SIGHUP, and the death of the launcher that watches us. A second
 * Ctrl-C ends the process at once; what then stays behind, the next start finds.
 */
export function createShutdown(options: ShutdownOptions): Shutdown {
  const { log, limitMs = LIMIT_MS, source = process, exit = process.exit, now = () => performance.now() } = options;
  const controller = new AbortController();
  const steps: { name: string; step: () => Promise<void> | void }[] = [];
  let ending: Promise<void> | undefined;
  let askedAt = 0;

  const stop = (exitCode = 0) => {
    ending ??= end(exitCode);
    return ending;
  };
  const end = async (exitCode: number) => {
    askedAt = now();
    controller.abort();
    exit(Math.max(exitCode, await runSteps(steps.toReversed(), limitMs, log)));
  };
  source.on('SIGINT', () => {
    if (ending !== undefined && now() - askedAt > SAME_WISH_MS) exit(EXIT_INTERRUPTED);
    void stop();
  });
  for (const event of ['SIGTERM', 'SIGHUP', 'disconnect']) source.on(event, () => void stop());
  // The launcher's channel is there to be closed; it must not keep a finished process alive.
  if (source === process) process.channel?.unref();
  return { signal: controller.signal, stop, onStop: (name, step) => void steps.push({ name, step }) };
}

/** 0 when every step ended in time and without an error, else 1. */
async function runSteps(
  steps: readonly { name: string; step: () => Promise<void> | void }[],
  limitMs: number,
  log: ShutdownOptions['log'],
): Promise<number> {
  let code = 0;
  let current = '';
  const late = Promise.withResolvers<'late'>();
  const timer = setTimeout(() => late.resolve('late'), limitMs);
  const all = async () => {
    for (const { name, step } of steps) {
      current = name;
      try {
        await step();
      } catch (err) {
        log.error({ err }, `could not stop ${name}`);
        code = 1;
      }
    }
  };
  const outcome = await Promise.race([all(), late.promise]);
  clearTimeout(timer);
  if (outcome !== 'late') return code;
  log.error({ limitMs }, `gave up waiting for ${current} to stop`);
  return 1;
}
