import { FaultProxy } from '../setup/fault-proxy.ts';
import { createTestHome, startWorker, type TestHome, type WorkerProcess } from '../setup/millrace.ts';
import type { ShimControl } from './shim.ts';
import { Supervisor } from './supervisor.ts';

const REROUTE = new URL('../setup/reroute.ts', import.meta.url).href;

/** The networks that a worker needs. */
export const WAYS = ['metadata', 'source', 'destination'] as const;
export type Way = (typeof WAYS)[number];
type Doors = Readonly<Record<Way, FaultProxy>>;

export interface MachineOptions {
  /** Where everybody else finds the databases. */
  readonly doors: Doors;
  readonly metadataUrl: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly control: ShimControl | null;
  /** Told when the worker killed itself, as it does at a failpoint. */
  onDeath(): void;
  /** Told when it ended in a way that nothing explains. */
  onOddEnd(how: string): void;
}

/** A worker on a machine of its own: its clock, its ways to the databases, somebody who starts it again. */
export class Machine implements AsyncDisposable {
  readonly #home: TestHome;
  readonly #ways: Doors;
  readonly #control: ShimControl | null;
  readonly worker: Supervisor<WorkerProcess>;

  private constructor(options: MachineOptions, home: TestHome, ways: Doors) {
    this.#home = home;
    this.#ways = ways;
    this.#control = options.control;
    const environment = environmentOf(options, ways);
    this.worker = new Supervisor({
      home,
      start: (failpoints) => startWorker(home, { ...environment, MILLRACE_FAILPOINTS: failpoints }),
      onDeath: options.onDeath,
      onOddEnd: options.onOddEnd,
    });
  }

  /** Makes one, whose worker does not run yet. */
  static async create(options: MachineOptions): Promise<Machine> {
    const openBefore = (way: Way) => FaultProxy.open(options.doors[way].through('postgresql://x'));
    const [metadata, source, destination] = [
      await openBefore('metadata'),
      await openBefore('source'),
      await openBefore('destination'),
    ];
    return new Machine(options, await createTestHome(), { metadata, source, destination });
  }

  /** Swallows what goes one way, without a word. */
  cutOff(way: Way): void {
    this.#ways[way].halfOpen();
  }

  rejoin(way: Way): Promise<void> {
    return this.#ways[way].heal();
  }

  /** @returns whether its clock can be moved */
  setClock(seconds: number): boolean {
    this.#control?.setClock(seconds);
    return this.#control !== null;
  }

  failFsync(fails: boolean): void {
    this.#control?.failFsync(fails);
  }

  /** Ends every fault that is still on. */
  async heal(): Promise<void> {
    this.worker.signal('SIGCONT');
    this.setClock(0);
    this.failFsync(false);
    for (const way of WAYS) await this.rejoin(way);
  }

  readLog(): string {
    return this.#home.readLog();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.worker.kill();
    for (const way of WAYS) await this.#ways[way][Symbol.asyncDispose]();
    await this.#home[Symbol.asyncDispose]();
  }
}

function environmentOf(options: MachineOptions, ways: Doors): Record<string, string> {
  const { doors, metadataUrl, environment, control } = options;
  const portOf = (proxy: FaultProxy) => new URL(proxy.through('postgresql://x')).port;
  const routes = (['source', 'destination'] as const).map((way) => `${portOf(doors[way])}=${portOf(ways[way])}`);
  return {
    ...environment,
    ...control?.environment,
    DATABASE_URL: ways.metadata.through(metadataUrl),
    MILLRACE_TEST_REROUTE: routes.join(','),
    NODE_OPTIONS: `--import=${REROUTE}`,
  };
}
