import { setTimeout as delay } from 'node:timers/promises';
import type { Random } from './random.ts';
import type { TortureServer } from './server.ts';

/** What can befall an execution beside the death of Millrace itself. */
export const FAULT_KINDS = {
  reset: 'every connection is reset',
  refuse: 'every connection is reset, and new ones are refused for a while',
  stall: 'the network stands still for a while',
  'half-open': 'what is sent is swallowed for a while, then the connections are reset',
  slow: 'the network is slow for a while',
  cut: 'one connection is reset behind a number of bytes',
  'lost-reply': 'the answer to a COMMIT is lost',
  crash: 'one process of the database is killed, and the database recovers',
  kill: 'the database is killed with -9, and started again after a while',
  'metadata-crash': 'one process of the metadata database is killed, and the database recovers',
  'clock-jump': 'the clock of Millrace and its metadata database jumps, and later back',
  fsync: 'fsync fails for a while',
} as const;

export type FaultKind = keyof typeof FAULT_KINDS;

/** One fault of a run; all of it is decided by the seed, except for what the execution does at that moment. */
export interface Fault {
  readonly kind: FaultKind;
  readonly side: 'source' | 'destination';
  /** When, as a share of the execution's usual time. Cuts and lost replies wait for their bytes from then on. */
  readonly at: number;
  /** How long it lasts, where it lasts. */
  readonly forMs: number;
  /** Bytes before a cut; number of the COMMIT whose answer is lost; bytes per second; seconds that the clock jumps. */
  readonly amount: number;
}

/** Behind this share of an execution's usual time most of them are over. */
const LAST = 0.8;

const NETWORK = ['reset', 'refuse', 'stall', 'half-open', 'slow', 'cut'] as const;

/** What faults are picked for. */
export interface Target {
  /** False: the destination is a folder. */
  readonly hasDatabase: boolean;
  /** About what the largest table sends. */
  readonly sizeBytes: number;
}

/** Up to four faults, in the order of their time. */
export function pickFaults(random: Random, target: Target): Fault[] {
  const count = random.between(1, 4);
  const faults = Array.from({ length: count }, () => pickFault(random, target));
  return faults.sort((one, other) => one.at - other.at);
}

function pickFault(random: Random, { hasDatabase, sizeBytes }: Target): Fault {
  const side = hasDatabase && random.chance(0.5) ? 'destination' : 'source';
  const common = ['crash', 'kill', 'metadata-crash', 'clock-jump'] as const;
  const kind: FaultKind =
    side === 'destination'
      ? random.pick([...NETWORK, ...common, 'lost-reply', 'lost-reply', 'fsync'])
      : random.pick([...NETWORK, ...common, ...(hasDatabase ? [] : (['fsync', 'fsync'] as const))]);
  const amounts: Partial<Record<FaultKind, number>> = {
    cut: random.between(1, sizeBytes),
    'lost-reply': random.between(1, 6),
    slow: random.between(Math.ceil(sizeBytes / 20), sizeBytes),
    'clock-jump': random.pick([-86_400, -3_600, -5, 5, 3_600, 6 * 3_600, 86_400]),
  };
  return { kind, side, at: random.next() * LAST, forMs: random.between(100, 3_000), amount: amounts[kind] ?? 0 };
}

/** What faults act upon. */
export interface FaultSites {
  readonly source: TortureServer;
  readonly destination: TortureServer;
  /** Kills a process of the metadata database; false: it could not. */
  crashMetadata(): Promise<boolean>;
  /** Null: neither the clock nor fsync can be changed here. */
  readonly shim: { setClock(seconds: number): void; failFsync(fails: boolean): void } | null;
}

/** Lets one fault happen, and ends it. @returns true when it has struck; false: it never met what it waits for */
export async function strike(sites: FaultSites, fault: Fault, signal: AbortSignal): Promise<boolean> {
  const server = sites[fault.side];
  const last = () => delay(fault.forMs, undefined, { signal }).catch(() => {});
  switch (fault.kind) {
    case 'reset':
      return server.proxy.reset() > 0;
    case 'refuse':
      await server.proxy.refuse();
      server.proxy.reset();
      return endNetwork(server, last);
    case 'stall':
      server.proxy.stall();
      return endNetwork(server, last);
    case 'half-open':
      server.proxy.halfOpen();
      return endNetwork(server, last);
    case 'slow':
      server.proxy.slow({ bytesPerSecond: fault.amount, latencyMs: 2 });
      return endNetwork(server, last);
    case 'cut':
      return untilStruck(
        server.proxy.cutAfter(fault.side === 'source' ? 'to-client' : 'to-server', fault.amount),
        signal,
      );
    case 'lost-reply':
      return untilStruck(server.proxy.loseReply('COMMIT', fault.amount), signal);
    case 'crash':
      return server.crash().catch(() => false);
    case 'kill':
      server.kill();
      await last();
      await server.revive();
      return true;
    case 'metadata-crash':
      return sites.crashMetadata();
    case 'clock-jump':
      sites.shim?.setClock(fault.amount);
      await last();
      sites.shim?.setClock(0);
      return sites.shim !== null;
    case 'fsync':
      return failFsync(sites, server, last);
  }
}

async function endNetwork(server: TortureServer, last: () => Promise<void>): Promise<boolean> {
  await last();
  await server.proxy.heal();
  return true;
}

async function failFsync({ shim }: FaultSites, server: TortureServer, last: () => Promise<void>): Promise<boolean> {
  if (shim === null) return false;
  await server.setFsync(true).catch(() => {});
  shim.failFsync(true);
  await last();
  shim.failFsync(false);
  // It cannot know what is on the disk, so it ends itself, and sometimes for good.
  await server.revive();
  await server.setFsync(false);
  return true;
}

/** Whether it came about before the execution had ended. */
function untilStruck(struck: Promise<void>, signal: AbortSignal): Promise<boolean> {
  return Promise.race([
    struck.then(() => true),
    new Promise<false>((resolve) => {
      if (signal.aborted) resolve(false);
      signal.addEventListener('abort', () => resolve(false), { once: true });
    }),
  ]);
}

/** In words, for a line of the summary. */
export function describeFault({ kind, side, at, forMs, amount }: Fault): string {
  const place = kind === 'metadata-crash' || kind === 'clock-jump' ? '' : ` ${side}`;
  const facts = [
    `at ${Math.round(at * 100)} %`,
    ...(['reset', 'cut', 'lost-reply', 'crash', 'metadata-crash'].includes(kind) ? [] : [`for ${forMs} ms`]),
    ...(amount === 0 ? [] : [`amount ${amount}`]),
  ];
  return `${kind}${place} (${facts.join(', ')})`;
}
