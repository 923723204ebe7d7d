import { createRandom, type Random } from './random.ts';
import { type TortureTable, tortureTable } from './source-tables.ts';

/** When the server is killed: some time after the start, or where it has reached a named point for the n-th time. */
export type Kill =
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
  /** Records of the largest table. */
  readonly size: number;
  readonly kill: Kill;
  /** The first load or the execution after it. */
  readonly victim: 'first' | 'second';
  /** Whether the embedded database of the server dies with it. */
  readonly killsPostgres: boolean;
  /** Decides what the writer does. */
  readonly writerSeed: number;
  /** When the server that carries on is killed as well, from its start; it may not even have answered. Null: it lives. */
  readonly secondKillMs: number | null;
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

/** How large the tables of a run may be. */
export interface Sizes {
  readonly size: number;
  /** Whether tables of several segments take part. */
  readonly wide: boolean;
}

/** The run of that number. Twenty in a row go through every kind of kill, sixty bring each to every destination. */
export function createScenario(seed: number, number: number, { size, wide }: Sizes): Scenario {
  const random = createRandom(Math.imul(seed, 1_000_003) + number);
  const destination = DESTINATIONS[Math.floor(number / 2) % DESTINATIONS.length] ?? 'postgresql';
  const kill = KILLS[(number + seed) % KILLS.length] ?? at(0.5);
  const wished = random.chance(0.75) ? 'replicate' : 'snapshot';
  const mode = destination === 'parquet' ? 'snapshot' : wished;
  return {
    seed,
    number,
    destination,
    mode,
    tracking: mode === 'replicate' && random.chance(0.5),
    tables: pickTables(random, wide),
    size,
    kill:
      kill.kind === 'time'
        ? at(kill.share + random.next() * 0.1)
        : { kind: 'failpoint', point: kill.points[destination], visit: kill.visit },
    victim: random.chance(0.4) ? 'first' : 'second',
    killsPostgres: random.chance(0.3),
    writerSeed: random.between(0, 2 ** 31),
    secondKillMs: random.chance(0.3) ? random.between(200, 5_000) : null,
  };
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
  ];
}

/** One line that tells the run apart. */
export function describeScenario(scenario: Scenario): string {
  const { kill } = scenario;
  const when =
    kill.kind === 'time'
      ? `at ${Math.round(kill.share * 100)} % of its usual time`
      : `at ${kill.point}${kill.visit > 1 ? ` (${kill.visit}.)` : ''}`;
  return (
    `PostgreSQL to ${LABELS[scenario.destination]}, ${scenario.mode}` +
    `${scenario.tracking ? ' with tracking field' : ''}, ${scenario.tables.map((table) => table.name).join(' ')}; ` +
    `${scenario.victim} execution killed ${when}${scenario.killsPostgres ? ', its database too' : ''}` +
    (scenario.secondKillMs === null ? '' : `, and again after ${scenario.secondKillMs} ms`)
  );
}
