import { setTimeout as delay } from 'node:timers/promises';
import type { TestHome, WorkerProcess } from '../setup/millrace.ts';

/** Between the end of a process and its next start. */
const RESTART_PAUSE_MS = 300;
/** One that has not ended in order by then is killed. */
const END_LIMIT_MS = 15_000;
/** What it logs before it ends with 1 as one that others took for dead. */
const DECLARED_DEAD = 'was declared dead';

/** What a supervisor needs of a process. */
export type Process = Pick<WorkerProcess, 'pid' | 'exited' | 'kill' | 'interrupt'>;

export interface SupervisorOptions<P> {
  readonly home: TestHome;
  /** Fails where the process does not start, as without its database; then it is tried again, without failpoints. */
  start(failpoints: string): Promise<P>;
  /** Told when it has killed itself, as it does at a failpoint. */
  onDeath(): void;
  /** Told when it has ended in a way that nothing explains. */
  onOddEnd(how: string): void;
}

/** Keeps a process running: however it ends, it is started again, unless somebody wants it down. */
export class Supervisor<P extends Process> {
  readonly #options: SupervisorOptions<P>;
  #process: P | null = null;
  #failpoints = '';
  #isWanted = false;
  #starting: Promise<void> | null = null;

  constructor(options: SupervisorOptions<P>) {
    this.#options = options;
  }

  /** Null while it is dead. */
  get process(): P | null {
    return this.#process;
  }

  /** Lets it run with these failpoints; a running one with others is started anew. */
  async open(failpoints: string): Promise<void> {
    if (this.#process !== null && this.#failpoints === failpoints) return;
    await this.stop();
    await this.start(failpoints);
  }

  /** Returns when it runs; one that runs is left alone. */
  async start(failpoints = ''): Promise<void> {
    this.#isWanted = true;
    this.#starting ??= this.#start(failpoints).finally(() => {
      this.#starting = null;
    });
    await this.#starting;
  }

  /** kill -9; it stays dead until its start. @returns whether it lived */
  kill(): Promise<boolean> {
    return this.#end((process) => process.kill());
  }

  /** Asks it to end, and kills it when it does not; it stays away until its start. @returns whether it lived */
  stop(): Promise<boolean> {
    return this.#end(endInOrder);
  }

  /** @returns whether it lived */
  signal(signal: 'SIGSTOP' | 'SIGCONT'): boolean {
    try {
      return this.#process !== null && process.kill(this.#process.pid, signal);
    } catch {
      return false;
    }
  }

  async #start(failpoints: string): Promise<void> {
    for (let given = failpoints; this.#process === null && this.#isWanted; given = '') {
      const logged = this.#options.home.readLog().length;
      const started = await this.#options.start(given).catch(() => null);
      if (started === null) await delay(RESTART_PAUSE_MS);
      else if (this.#isWanted) this.#watch(started, given, logged);
      else await started.kill();
    }
  }

  #watch(started: P, failpoints: string, logged: number): void {
    this.#process = started;
    this.#failpoints = failpoints;
    void started.exited.then(async ({ code, signal }) => {
      // Somebody has ended it on purpose.
      if (this.#process !== started) return;
      this.#process = null;
      const { home, onDeath, onOddEnd } = this.#options;
      if (signal === 'SIGKILL') onDeath();
      else if (code !== 1 || !home.readLog().slice(logged).includes(DECLARED_DEAD)) onOddEnd(`${signal ?? code}`);
      await delay(RESTART_PAUSE_MS);
      if (this.#isWanted) await this.start();
    });
  }

  async #end(how: (process: P) => Promise<void>): Promise<boolean> {
    this.#isWanted = false;
    const running = this.#process;
    this.#process = null;
    if (running !== null) await how(running);
    return running !== null;
  }
}

/** Asks it to end, and kills it when it does not. */
export async function endInOrder(process: Process): Promise<void> {
  process.interrupt();
  await Promise.race([process.exited, delay(END_LIMIT_MS, undefined, { ref: false })]);
  await process.kill();
}
