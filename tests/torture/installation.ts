import { createTestHome, type MillraceProcess, startAndKill, startMillrace } from '../setup/millrace.ts';
import type { Machine } from './machine.ts';
import type { TortureServer } from './server.ts';
import type { Shim } from './shim.ts';
import { endInOrder } from './supervisor.ts';

/** Where a DuckDB file or a Parquet folder lies; the failing fsync of Millrace meets nothing else. */
export const FILES_PATH = '/files/';

/** Millrace as a run meets it: one process that does everything, or several on one PostgreSQL. It dies and comes back. */
export interface Installation extends AsyncDisposable {
  /** Of the process with the API: in it lie its files. */
  readonly folder: string;
  /** The process with the API; null while it is dead. */
  readonly server: MillraceProcess | null;
  /** Null: neither the clock nor fsync can be changed here. */
  readonly shim: { setClock(seconds: number): void; failFsync(fails: boolean): void } | null;
  /** Beside the process with the API; empty: that does everything. */
  readonly machines: readonly Machine[];
  /** Where several processes keep their metadata; null: one has its own. */
  readonly metadata: TortureServer | null;
  /** Everything runs and will fail there; what ran with other failpoints is started anew. */
  open(failpoints: string): Promise<MillraceProcess>;
  /** Starts what is dead, without failpoints. */
  resume(): Promise<void>;
  /** The same, and kills all of it after that time; it may not even have answered. @returns how many were killed */
  resumeAndKill(afterMs: number): Promise<number>;
  /** kill -9 of all its processes. @returns how many there were */
  kill(): Promise<number>;
  killMetadata(): void;
  /** Kills a process of the metadata database; false: it could not. */
  crashMetadata(): Promise<boolean>;
  /** kill -9 of the process with the API, which is started again after a while; false: that does everything. */
  killApi(last: () => Promise<void>): Promise<boolean>;
  /** Resolves when a process has killed itself, as it does at a failpoint. */
  untilDead(): Promise<void>;
  /** Resolves when a process has ended by itself that should not have, with how it did. */
  untilBroken(): Promise<string>;
  /** Ends every fault that is still on, and starts what is dead. */
  heal(): Promise<void>;
  readLog(): string;
}

/** One process with its embedded database; started by `open`. */
export async function createAlone(shim: Shim | null): Promise<Installation> {
  const home = await createTestHome();
  const control = shim?.createControl('millrace', FILES_PATH);
  let server: MillraceProcess | null = null;
  let opened = '';
  const environmentOf = (failpoints: string) => ({
    ...control?.environment,
    ...(failpoints === '' ? {} : { MILLRACE_FAILPOINTS: failpoints }),
  });
  const end = async (killed: boolean) => {
    const running = server;
    server = null;
    if (running !== null) await (killed ? running.kill() : endInOrder(running));
  };
  const open = async (failpoints: string) => {
    if (server !== null && opened === failpoints) return server;
    await end(false);
    server = await startMillrace(home, environmentOf(failpoints));
    opened = failpoints;
    return server;
  };
  const resume = async () => {
    // One that has died at its failpoint is still known here.
    await end(true);
    await open('');
  };
  return {
    folder: home.folder,
    get server() {
      return server;
    },
    shim: control ?? null,
    machines: [],
    metadata: null,
    open,
    resume,
    async resumeAndKill(afterMs) {
      await end(true);
      await startAndKill(home, afterMs, environmentOf(''));
      return 1;
    },
    async kill() {
      const count = server === null ? 0 : 1;
      await end(true);
      return count;
    },
    killMetadata: () => void home.killPostgres(),
    crashMetadata: async () => home.crashPostgres(),
    killApi: async () => false,
    async untilDead() {
      const how = await server?.exited;
      if (how?.signal !== 'SIGKILL') await new Promise(() => {});
    },
    async untilBroken() {
      const how = await server?.exited;
      return `The server ended by itself with ${how?.signal ?? how?.code}.`;
    },
    async heal() {
      control?.setClock(0);
      control?.failFsync(false);
    },
    readLog: home.readLog,
    async [Symbol.asyncDispose]() {
      await end(true);
      await home[Symbol.asyncDispose]();
    },
  };
}
