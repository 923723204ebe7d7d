import { setTimeout as delay } from 'node:timers/promises';
import type { Installation } from './installation.ts';
import { WAYS } from './machine.ts';
import type { Random } from './random.ts';
import type { TortureServer } from './server.ts';
import type { ShimControl } from './shim.ts';

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
  'disk-full': 'the disk of the destination is full',
  'worker-kill': 'one of several workers is killed with -9, and started again after a while',
  'worker-stop': 'one of several workers is asked to stop, and started again after a while',
  'worker-freeze': 'one of several workers stands still for a while',
  'worker-cut-off': 'one of several workers is cut off from the metadata, the source or the destination for a while',
  'worker-clock': 'the clock of one of several workers jumps, and later back',
  'api-kill': 'the process with the API is killed with -9, and started again after a while',
} as const;

export type FaultKind = keyof typeof FAULT_KINDS;

type Side = 'source' | 'destination' | 'metadata';

/** One fault of a run; all of it is decided by the seed, except for what the execution does at that moment. */
export interface Fault {
  readonly kind: FaultKind;
  readonly side: Side;
  /** When, as a share of the execution's usual time. Cuts and lost replies wait for their bytes from then on. */
  readonly at: number;
  /** How long it lasts, where it lasts. */
  readonly forMs: number;
  /** Bytes before a cut; number of the COMMIT whose answer is lost; bytes per second; seconds that a clock jumps. */
  readonly amount: number;
  /** Which of several workers is met, and which of its ways; the remainder counts. */
  readonly lot: number;
}

/** Behind this share of an execution's usual time most of them are over. */
const LAST = 0.8;

const NETWORK = ['reset', 'refuse', 'stall', 'half-open', 'slow', 'cut'] as const;
const OF_WORKERS = [
  'worker-kill',
  'worker-stop',
  'worker-cut-off',
  'worker-cut-off',
  'worker-clock',
  'api-kill',
] as const;
/** Seconds. */
const JUMPS = [-86_400, -3_600, -5, 5, 3_600, 6 * 3_600, 86_400] as const;
/** Behind five seconds of silence a worker is declared dead. */
const LONGEST_MS = { ofWorkers: 9_000, others: 3_000 } as const;

/** What faults are picked for. */
export interface Target {
  /** False: the destination is a folder. */
  readonly hasDatabase: boolean;
  /** About what the largest table sends. */
  readonly sizeBytes: number;
  /** 0: one process does everything. */
  readonly workers: number;
}

/** Up to four faults, in the order of their time. */
export function pickFaults(random: Random, target: Target): Fault[] {
  const count = random.between(1, 4);
  const faults = Array.from({ length: count }, () => pickFault(random, target));
  return faults.sort((one, other) => one.at - other.at);
}

function pickFault(random: Random, target: Target): Fault {
  const { hasDatabase, sizeBytes, workers } = target;
  const side = pickSide(random, target);
  const isOfWorkers = workers > 0 && random.chance(0.5);
  const kind = isOfWorkers
    ? // One that is frozen in the middle of a write to a file may end that write when it wakes: not with a folder that is shared.
      random.pick<FaultKind>([...OF_WORKERS, ...(hasDatabase ? (['worker-freeze', 'worker-freeze'] as const) : [])])
    : pickCommonKind(random, side, hasDatabase);
  const amounts: Partial<Record<FaultKind, number>> = {
    cut: random.between(1, sizeBytes),
    'lost-reply': random.between(1, 6),
    slow: random.between(Math.ceil(sizeBytes / 20), sizeBytes),
    'clock-jump': random.pick(JUMPS),
    'worker-clock': random.pick(JUMPS),
  };
  return {
    kind,
    side,
    at: random.next() * LAST,
    forMs: random.between(100, isOfWorkers ? LONGEST_MS.ofWorkers : LONGEST_MS.others),
    amount: amounts[kind] ?? 0,
    lot: random.between(0, 5),
  };
}

function pickSide(random: Random, { hasDatabase, workers }: Target): Side {
  if (workers > 0 && random.chance(0.25)) return 'metadata';
  return hasDatabase && random.chance(0.5) ? 'destination' : 'source';
}

function pickCommonKind(random: Random, side: Side, hasDatabase: boolean): FaultKind {
  const common = ['crash', 'kill', 'metadata-crash', 'clock-jump', 'clock-jump'] as const;
  if (side === 'destination') return random.pick([...NETWORK, ...common, 'lost-reply', 'lost-reply', 'fsync']);
  if (side === 'metadata') return random.pick([...NETWORK, 'kill', 'metadata-crash', 'lost-reply', 'clock-jump']);
  return random.pick([...NETWORK, ...common, ...(hasDatabase ? [] : (['fsync', 'fsync'] as const))]);
}

/** What faults act upon. */
export interface FaultSites {
  readonly source: TortureServer;
  readonly destination: TortureServer;
  /** Of the destination's server; null: fsync cannot be changed here. */
  readonly destinationControl: ShimControl | null;
  readonly installation: Installation;
}

/** Lets one fault happen, and ends it. @returns true when it has struck; false: it never met what it waits for */
export async function strike(sites: FaultSites, fault: Fault, signal: AbortSignal): Promise<boolean> {
  const { installation } = sites;
  const server = fault.side === 'metadata' ? installation.metadata : sites[fault.side];
  if (server === null) return false;
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
      return installation.crashMetadata();
    case 'clock-jump':
      installation.shim?.setClock(fault.amount);
      await last();
      installation.shim?.setClock(0);
      return installation.shim !== null;
    case 'fsync':
      return failFsync(sites, server, last);
    case 'disk-full':
      // It is full from the start, or nearly.
      return false;
    case 'api-kill':
      return installation.killApi(last);
    default:
      return strikeWorker(installation, { ...fault, kind: fault.kind }, last);
  }
}

type WorkerFault = Fault & { readonly kind: Extract<FaultKind, `worker-${string}`> };

async function strikeWorker(
  { machines }: Installation,
  { kind, lot, amount }: WorkerFault,
  last: () => Promise<void>,
): Promise<boolean> {
  const machine = machines[lot % machines.length];
  const way = WAYS[lot % WAYS.length] ?? 'metadata';
  if (machine === undefined) return false;
  const { worker } = machine;
  let strikes: boolean;
  switch (kind) {
    case 'worker-kill':
    case 'worker-stop':
      strikes = await (kind === 'worker-kill' ? worker.kill() : worker.stop());
      await last();
      await worker.start();
      return strikes;
    case 'worker-freeze':
      strikes = worker.signal('SIGSTOP');
      await last();
      worker.signal('SIGCONT');
      return strikes;
    case 'worker-cut-off':
      machine.cutOff(way);
      await last();
      await machine.rejoin(way);
      return true;
    case 'worker-clock':
      strikes = machine.setClock(amount);
      await last();
      machine.setClock(0);
      return strikes;
  }
}

async function endNetwork(server: TortureServer, last: () => Promise<void>): Promise<boolean> {
  await last();
  await server.proxy.heal();
  return true;
}

async function failFsync(
  { installation: { shim }, destinationControl }: FaultSites,
  server: TortureServer,
  last: () => Promise<void>,
): Promise<boolean> {
  if (shim === null) return false;
  await server.setFsync(true).catch(() => {});
  for (const part of [shim, destinationControl]) part?.failFsync(true);
  await last();
  for (const part of [shim, destinationControl]) part?.failFsync(false);
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

const WITHOUT_PLACE: readonly FaultKind[] = ['metadata-crash', 'clock-jump', 'api-kill'];
const AT_ONCE: readonly FaultKind[] = ['reset', 'cut', 'lost-reply', 'crash', 'metadata-crash'];

/** In words, for a line of the summary. */
export function describeFault(fault: Fault): string {
  const { kind, at, forMs, amount } = fault;
  const facts = [
    `at ${Math.round(at * 100)} %`,
    ...(AT_ONCE.includes(kind) ? [] : [`for ${forMs} ms`]),
    ...(amount === 0 ? [] : [`amount ${amount}`]),
  ];
  return `${kind}${describePlace(fault)} (${facts.join(', ')})`;
}

function describePlace({ kind, side, lot }: Fault): string {
  if (WITHOUT_PLACE.includes(kind)) return '';
  if (kind === 'worker-cut-off') return ` ${lot} from ${WAYS[lot % WAYS.length]}`;
  return kind.startsWith('worker-') ? ` ${lot}` : ` ${side}`;
}
