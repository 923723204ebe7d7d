import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** Processes that ask at the same moment get into each other's way; by then those that were first have taken theirs. */
const ASK_AGAIN_MS = [0, 100, 300];
/** However often something is announced. */
const LEAST_MS = 50;

/** The part of the durable engine's own executor that begins and ends its polling. */
interface Executor {
  deactivateEventReceivers(): Promise<void>;
  stopWorkflowTimeoutSweep(): Promise<void>;
  initEventReceivers(queues: readonly string[]): Promise<void>;
}

interface Queue {
  readonly name: string;
}

/** The part of its queue runner that asks one queue and starts what it finds. */
interface QueueRunner {
  readonly isRunning: boolean;
  /** Aborts when its polling is ended. */
  readonly abortController: AbortController;
  readonly states: ReadonlyMap<string, { readonly queue: Queue }>;
  pollQueue(executor: Executor, queue: Queue): Promise<boolean>;
}

/** What decides how long a call of the metadata database is tried. */
interface Context {
  /** What is called within gives up when the signal fires; without it, never. */
  runWithAbortableDbRetries<T>(signal: AbortSignal, call: () => Promise<T>): Promise<T>;
}

/** The last question to each queue, by runner. */
const asked = new WeakMap<QueueRunner, Map<string, Promise<unknown>>>();

/**
 * The durable engine asks its queues at times of the wall clock: set back by a day, it would ask nothing for a day. There
 * is no public way to wake it, so its polling is ended and begun as at launch and shutdown; workflows that run are not touched.
 */
export async function pollAnew(queues: readonly string[]): Promise<void> {
  const executor = findExecutor();
  if (executor === undefined) return;
  try {
    await executor.deactivateEventReceivers();
    await executor.stopWorkflowTimeoutSweep();
  } finally {
    await executor.initEventReceivers(queues);
  }
}

/** Asks these queues now, beside the durable engine's own polling, whose questions are far apart. */
export class QueueAsker {
  readonly #queues: readonly string[];
  #isAsking = false;
  #isAskedAgain = false;

  constructor(queues: readonly string[]) {
    this.#queues = queues;
    askInTurn(findRunner());
  }

  /** @throws what a new version of the durable engine might; what is not found now is found by the next poll */
  async ask(): Promise<void> {
    this.#isAskedAgain = true;
    if (this.#isAsking) return;
    this.#isAsking = true;
    try {
      while (this.#isAskedAgain) await this.#askAFewTimes();
    } finally {
      this.#isAsking = false;
    }
  }

  async #askAFewTimes(): Promise<void> {
    for (const delayMs of ASK_AGAIN_MS) {
      await sleep(delayMs);
      this.#isAskedAgain = false;
      await Promise.all(this.#queues.map(pollNow));
      if (this.#isAskedAgain) return sleep(LEAST_MS);
    }
  }
}

/**
 * From here on a queue is asked one question at a time. How many workflows of a group a process may have is decided by those
 * that run in it: two questions at once would each take one.
 */
function askInTurn(runner: QueueRunner): void {
  if (asked.has(runner)) return;
  const last = new Map<string, Promise<unknown>>();
  asked.set(runner, last);
  const poll = runner.pollQueue.bind(runner);
  runner.pollQueue = (executor, queue) => {
    const before = last.get(queue.name) ?? Promise.resolve();
    const answer = before.then(() => (runner.isRunning ? poll(executor, queue) : false));
    last.set(
      queue.name,
      answer.catch(() => {}),
    );
    return answer;
  };
}

/**
 * The runner logs its own failures and answers. While the database is away it asks again and again, and whoever ends its polling
 * waits for all questions: as its own ones, this one is given up then.
 */
async function pollNow(queue: string): Promise<void> {
  const executor = findExecutor();
  const wfQueueRunner = findRunner();
  const state = wfQueueRunner.states.get(queue);
  if (executor === undefined || state === undefined || !wfQueueRunner.isRunning) return;
  const { runWithAbortableDbRetries } = inside<Context>('context.js');
  await runWithAbortableDbRetries(wfQueueRunner.abortController.signal, () =>
    wfQueueRunner.pollQueue(executor, state.queue),
  );
}

function findRunner(): QueueRunner {
  return inside<{ readonly wfQueueRunner: QueueRunner }>('wfqueue.js').wfQueueRunner;
}

function findExecutor(): Executor | undefined {
  return inside<{ readonly DBOSExecutor: { readonly globalInstance?: Executor } }>('dbos-executor.js').DBOSExecutor
    .globalInstance;
}

// Of the version that package.json pins; tests fail where it has changed.
function inside<Module>(file: string): Module {
  const require = createRequire(import.meta.url);
  return require(join(dirname(require.resolve('@dbos-inc/dbos-sdk')), file)) as Module;
}
