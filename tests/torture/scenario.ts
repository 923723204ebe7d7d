import { describeFault, type Fault, type FaultKind, pickFaults } from './faults.ts';
import { type Ddl, MixedTable } from './mixed-table.ts';
import { createRandom, type Random } from './random.ts';
import { CROWD, type TortureTable, tortureTable } from './source-tables.ts';

/** When the server is killed: some time after the start, or where it has reached a named point for the n-th time. */
export type Kill =
  | { readonly kind: 'none' }
  | { readonly kind: 'time'; readonly share: number }
  | { readonly kind: 'failpoint'; readonly point: string; readonly visit: number };

/** Systems that runs write into, in turn. */
const DESTINATIONS = ['postgresql', 'duckdb', 'parquet'] as const;
export type DestinationType = (typeof DESTINATIONS)[number];

const LABELS: Readonly<Record<DestinationType, string>> = {
  postgresql: 'PostgreSQL',
  duckdb: 'DuckDB',
  parquet: 'Parquet',
};

/** One run, decided by seed and number alone. */
export interface Scenario {
  readonly seed: number;
  readonly number: number;
  readonly destination: DestinationType;
  readonly mode: 'replicate' | 'snapshot';
  /** Whether tables with a tracking field use it. */
  readonly tracking: boolean;
  readonly tables: readonly TortureTable[];
  /** How the sync is set up beside its mode. */
  readonly options: SyncChoices;
  /** What happens beside the kill, in the order of time. */
  readonly faults: readonly Fault[];
  /** Changes of the table `mixed`, in the order of time. */
  readonly ddl: readonly Ddl[];
  /** The destination's disk has that much room left; null: enough. */
  readonly freeBytes: number | null;
  /** Records of the largest table. */
  readonly size: number;
  readonly kill: Kill;
  /** The first load or the execution after it. */
  readonly victim: 'first' | 'second';
  /** Whether the metadata database dies with Millrace. */
  readonly killsPostgres: boolean;
  /** Beside one process with the API; 0: one process does everything. */
  readonly workers: number;
  /** Whether somebody changes the destination by hand before the second execution. */
  readonly alters: boolean;
  /** Decides what the writer does. */
  readonly writerSeed: number;
  /** When the server that carries on is killed as well, from its start; it may not even have answered. Null: it lives. */
  readonly secondKillMs: number | null;
}

export type Depth = 'checksums' | 'counts' | 'repair';

/** Options of a sync that decide how its records are written, and how many lanes write them. */
export interface SyncChoices {
  readonly hardDeletes: boolean;
  readonly truncates: boolean;
  readonly hasTimestamps: boolean;
  readonly concurrency: number | null;
  /** What its receipts compare; the torture compares everything either way. */
  readonly depth: Depth;
}

const at = (share: number) => ({ kind: 'time' as const, share });
const reaching = (postgresql: string, duckdb = postgresql, visit = 1) => ({
  kind: 'failpoint' as const,
  points: { postgresql, duckdb, parquet: duckdb.replace('duckdb-', 'parquet-') },
  visit,
});

/** Spread over the length of an execution, and over the points between two steps that must not come apart. */
const KILLS = [
  at(0.02),
  reaching('planned'),
  at(0.15),
  reaching('postgresql:segment-written', 'duckdb-before-commit'),
  at(0.45),
  reaching('after-commit'),
  at(0.65),
  reaching('postgresql:publish-applied', 'duckdb-before-publish'),
  at(0.3),
  reaching('after-publish'),
  at(0.85),
  reaching('postgresql:segment-fenced', 'before-commit'),
  at(0.55),
  reaching('schema-completed'),
  at(0.75),
  reaching('prepared', 'prepared', 2),
  at(0.25),
  reaching('settled'),
  reaching('before-digest'),
  reaching('postgresql:publish-fenced', 'before-publish'),
] as const;

/** Where small tables are loaded together. */
const PACK_POINTS = [
  'pack-entered',
  'pack-written',
  'pack-committed',
  'pack-proved',
  'pack-published',
  'pack-completed',
] as const;

/** Where single records are written anew. */
const REPAIR_POINTS = ['before-repair', 'repaired'] as const;

/** How large the tables of a run may be. */
export interface Sizes {
  readonly size: number;
  /** Whether tables of several segments take part. */
  readonly wide: boolean;
}

/**
 * The run of that number. Those with an even number kill the server: twenty of them in a row go through every kind of kill,
 * sixty bring each to every destination. Those with an odd number have other faults, some of them a kill as well.
 */
export function createScenario(seed: number, number: number, sizes: Sizes): Scenario {
  const random = createRandom(Math.imul(seed, 1_000_003) + number);
  const isKill = number % 2 === 0;
  const turn = Math.floor(number / 2);
  const destination = isKill
    ? (DESTINATIONS[turn % DESTINATIONS.length] ?? 'postgresql')
    : random.pick<DestinationType>(['postgresql', 'postgresql', 'postgresql', 'duckdb', 'parquet']);
  const wished = random.chance(0.75) ? 'replicate' : 'snapshot';
  const mode = destination === 'parquet' ? 'snapshot' : wished;
  const tables = pickTables(random, sizes.wide);
  const options = pickOptions(random, destination);
  const victim = random.chance(0.4) ? 'first' : 'second';
  const alters = options.depth === 'repair' && victim === 'second' && destination !== 'parquet' && random.chance(0.8);
  const workers = random.chance(0.35) ? random.pick([2, 3]) : 0;
  const setting = { destination, tables, workers, alters, sizeBytes: sizes.size * 150 };
  return {
    seed,
    number,
    destination,
    mode,
    tracking: mode === 'replicate' && random.chance(0.5),
    tables,
    options,
    size: sizes.size,
    workers,
    alters,
    ...(isKill ? pickKill(random, setting, turn + seed) : pickTrouble(random, setting)),
    ddl: tables.some(({ name }) => name === 'mixed') && random.chance(0.4) ? pickDdl(random) : [],
    victim,
    writerSeed: random.between(0, 2 ** 31),
  };
}

/** What a database comes back from by writing. */
const NEEDS_RECOVERY: readonly FaultKind[] = ['crash', 'kill', 'fsync'];

type Trouble = Pick<Scenario, 'kill' | 'killsPostgres' | 'secondKillMs' | 'faults' | 'freeBytes'>;
type Setting = Pick<Scenario, 'destination' | 'tables' | 'workers' | 'alters'> & { readonly sizeBytes: number };

function pickKill(random: Random, { destination, tables, alters }: Setting, turn: number): Trouble {
  const kill = KILLS[turn % KILLS.length] ?? at(0.5);
  const isPacked = destination === 'postgresql' && tables.some((table) => CROWD.includes(table));
  const pointOf = (reached: ReturnType<typeof reaching>): Kill => {
    if (alters && random.chance(0.6)) return { kind: 'failpoint', point: random.pick(REPAIR_POINTS), visit: 1 };
    return isPacked
      ? { kind: 'failpoint', point: random.pick(PACK_POINTS), visit: 1 }
      : { kind: 'failpoint', point: reached.points[destination], visit: reached.visit };
  };
  return {
    kill: kill.kind === 'time' ? at(kill.share + random.next() * 0.1) : pointOf(kill),
    killsPostgres: random.chance(0.3),
    secondKillMs: random.chance(0.3) ? random.between(200, 5_000) : null,
    faults: [],
    freeBytes: null,
  };
}

function pickTrouble(random: Random, { destination, workers, sizeBytes }: Setting): Trouble {
  const isKilled = random.chance(0.25);
  const isTight = random.chance(0.2);
  const target = { hasDatabase: destination === 'postgresql', sizeBytes, workers };
  const kill: Kill = isKilled ? at(random.next()) : { kind: 'none' };
  const killsPostgres = isKilled && random.chance(0.3);
  const faults = isTight && random.chance(0.6) ? [] : pickFaults(random, target);
  return {
    kill,
    killsPostgres,
    secondKillMs: null,
    // PostgreSQL itself does not recover on a full disk.
    faults: isTight
      ? faults.filter(({ kind, side }) => side !== 'destination' || !NEEDS_RECOVERY.includes(kind))
      : faults,
    freeBytes: isTight ? random.between(0, sizeBytes) : null,
  };
}

function pickOptions(random: Random, destination: DestinationType): SyncChoices {
  const isFolder = destination === 'parquet';
  return {
    hardDeletes: !isFolder && random.chance(0.25),
    truncates: !isFolder && random.chance(0.25),
    hasTimestamps: random.chance(0.75),
    concurrency: random.pick([null, null, 1, 4]),
    depth: random.pick<Depth>(['checksums', 'checksums', 'checksums', 'counts', 'repair', 'repair']),
  };
}

function pickDdl(random: Random): Ddl[] {
  const pick = (): Ddl => ({
    at: random.next(),
    kind: random.pick(['add', 'add', 'drop', 'widen']),
    seed: random.between(0, 2 ** 31),
  });
  return Array.from({ length: random.between(1, 3) }, pick).sort((one, other) => one.at - other.at);
}

/** Always one table with a key and one without. */
function pickTables(random: Random, wide: boolean): TortureTable[] {
  const isWide = wide && random.chance(0.35);
  return [
    tortureTable(isWide ? 'wide' : 'accounts'),
    tortureTable('events'),
    ...(random.chance(0.5) ? [tortureTable('items')] : []),
    ...(random.chance(0.5) ? [tortureTable('tiny')] : []),
    ...(random.chance(0.2) ? [tortureTable('empty')] : []),
    ...(random.chance(0.6) ? [new MixedTable(random)] : []),
    ...(random.chance(0.2) ? CROWD : []),
  ];
}

/** A few lines that tell the run apart. */
export function describeScenario(scenario: Scenario): string {
  const { destination, mode, tracking, tables, victim, faults, ddl, freeBytes, options, workers, alters } = scenario;
  const set = [
    ...(options.hardDeletes ? ['hard deletes'] : []),
    ...(options.truncates ? ['in place'] : []),
    ...(options.hasTimestamps ? [] : ['no timestamps']),
    ...(options.depth === 'checksums' ? [] : [options.depth]),
    ...(options.concurrency === null ? [] : [`${options.concurrency} lanes`]),
  ];
  const parts = [
    `PostgreSQL to ${LABELS[destination]}, ${mode}${tracking ? ' with tracking field' : ''}`,
    ...(workers === 0 ? [] : [`${workers} workers`]),
    ...set,
    tables.flatMap((table) => (CROWD.includes(table) ? [] : [table.name])).join(' '),
    ...(tables.some((table) => CROWD.includes(table)) ? ['a crowd'] : []),
  ];
  const happens = [
    ...(alters ? ['altered by hand'] : []),
    ...describeKill(scenario),
    ...faults.map(describeFault),
    ...(freeBytes === null ? [] : [`disk with ${freeBytes} bytes left`]),
    ...ddl.map((change) => `${change.kind} column (at ${Math.round(change.at * 100)} %)`),
  ];
  return `${parts.join(', ')}; ${victim} execution: ${happens.join(', ')}`;
}

function describeKill({ kill, killsPostgres, secondKillMs }: Scenario): string[] {
  if (kill.kind === 'none') return [];
  const when =
    kill.kind === 'time'
      ? `at ${Math.round(kill.share * 100)} % of its usual time`
      : `at ${kill.point}${kill.visit > 1 ? ` (${kill.visit}.)` : ''}`;
  const again = secondKillMs === null ? '' : `, and again after ${secondKillMs} ms`;
  return [`killed ${when}${killsPostgres ? ', its database too' : ''}${again}`];
}
