import type { FleetFacts } from '../../core/index.ts';

/** What this process says of itself at one moment. */
export interface ProcessFacts {
  readonly lanes: { readonly busy: number; readonly allowed: number };
  /** Since it told the others that it lives. */
  readonly silenceSeconds: number;
  /** What pipelines hold in flight of what they may hold together, in bytes; `waiting` is 1 while a long record waits to be read. */
  readonly memory: { readonly takenBytes: number; readonly capBytes: number; readonly waiting: number };
  readonly threads: { readonly pool: number; readonly owner: number; readonly allowed: number; readonly jobs: number };
  /** Sessions with the metadata database. */
  readonly sessions: readonly SessionFacts[];
}

export interface SessionFacts {
  readonly pool: string;
  readonly busy: number;
  readonly idle: number;
  /** Callers that wait for a session. */
  readonly waiting: number;
  readonly allowed: number;
}

/** All that gauges are read from; null = not known now. */
export interface GaugeFacts {
  readonly fleet: FleetFacts | null;
  readonly process: ProcessFacts | null;
  readonly version: string;
  readonly perSync: boolean;
}

export interface Reading {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

interface GaugeSpec {
  readonly help: string;
  readonly labels: readonly string[];
  read(facts: GaugeFacts): readonly Reading[];
}

const OF_ALL = 'By the metadata database, so the same from every process.';
/** Bounds of lag that people set alerts at, in seconds. */
const LAG_BOUNDS = [
  [600, '10m'],
  [3_600, '1h'],
  [21_600, '6h'],
  [86_400, '1d'],
  [604_800, '7d'],
] as const;

/** Every gauge: how it is called and where its value is. */
export const GAUGES = {
  build_info: {
    help: 'Always 1; the label says which Millrace this is.',
    labels: ['version'],
    read: ({ version }) => [{ labels: { version }, value: 1 }],
  },
  metadata_up: {
    help: '1 when the metadata database answered during this scrape, else 0; then everything that it knows is absent.',
    labels: [],
    read: ({ fleet }) => one(fleet === null ? 0 : 1),
  },
  executions_open: {
    help: `Executions that have not ended. ${OF_ALL}`,
    labels: ['status'],
    read: ({ fleet }) =>
      Object.entries(fleet?.openExecutions ?? {}).map(([status, value]) => ({ labels: { status }, value })),
  },
  steps: {
    help: `Steps of open executions: waiting for a lane or for steps before them, or owned by a lane. ${OF_ALL}`,
    labels: ['state'],
    read: ({ fleet }) => byLabel('state', fleet?.steps),
  },
  workers_alive: {
    help: `Processes that have not been declared dead. ${OF_ALL}`,
    labels: [],
    read: ({ fleet }) => one(fleet?.workers.alive),
  },
  worker_silence_seconds_max: {
    help: `Since the last heartbeat of the living process that was silent for longest. ${OF_ALL}`,
    labels: [],
    read: ({ fleet }) => one(fleet?.workers.longestSilenceSeconds),
  },
  oldest_snapshot_seconds: {
    help: `Age of the oldest source snapshot that is held open; 0 when there is none. ${OF_ALL}`,
    labels: [],
    read: ({ fleet }) => one(fleet === null ? null : (fleet.oldestSnapshotSeconds ?? 0)),
  },
  syncs_scheduled: {
    help: `Syncs that start by themselves. ${OF_ALL}`,
    labels: [],
    read: ({ fleet }) => one(fleet?.syncs.length),
  },
  syncs_by_last_status: {
    help: `Scheduled syncs by how their last execution ended; none = there was none. A start that was refused counts as failed. ${OF_ALL}`,
    labels: ['status'],
    read: ({ fleet }) =>
      [...Map.groupBy(fleet?.syncs ?? [], ({ lastStatus }) => lastStatus ?? 'none')].map(([status, syncs]) => ({
        labels: { status },
        value: syncs.length,
      })),
  },
  sync_lag_seconds_max: {
    help: `Longest time since the request of a scheduled sync's last completed execution (since the sync was made, without one). ${OF_ALL}`,
    labels: [],
    read: ({ fleet }) =>
      one(fleet === null ? null : fleet.syncs.reduce((max, { lagSeconds }) => Math.max(max, lagSeconds), 0)),
  },
  syncs_behind: {
    help: `Scheduled syncs whose lag is longer than the label says. ${OF_ALL}`,
    labels: ['over'],
    read: ({ fleet }) =>
      fleet === null
        ? []
        : LAG_BOUNDS.map(([seconds, over]) => ({
            labels: { over },
            value: fleet.syncs.filter(({ lagSeconds }) => lagSeconds > seconds).length,
          })),
  },
  sync_lag_seconds: {
    help: `Lag of each scheduled sync; only with MILLRACE_METRICS_PER_SYNC. ${OF_ALL}`,
    labels: ['sync'],
    read: ({ fleet, perSync }) =>
      perSync && fleet !== null
        ? fleet.syncs.map(({ syncId, lagSeconds }) => ({ labels: { sync: syncId }, value: lagSeconds }))
        : [],
  },
  lanes: {
    help: 'Lanes of this process: working on a step, and the most that may at once.',
    labels: ['state'],
    read: ({ process }) => byLabel('state', process?.lanes),
  },
  heartbeat_age_seconds: {
    help: 'Since this process last told the others that it lives.',
    labels: [],
    read: ({ process }) => one(process?.silenceSeconds),
  },
  memory_credit_bytes: {
    help: 'Bytes of long records and of chunks between threads that are in flight: taken now, and the most at once (MILLRACE_MEMORY_CREDIT).',
    labels: ['state'],
    read: ({ process }) => {
      if (process === null) return [];
      const { takenBytes, capBytes } = process.memory;
      return byLabel('state', { taken: takenBytes, allowed: capBytes });
    },
  },
  memory_credit_waiting: {
    help: '1 while a long record is not read on because others hold the memory for it, else 0.',
    labels: [],
    read: ({ process }) => one(process?.memory.waiting),
  },
  pipeline_threads: {
    help: 'Threads that run now: of the pool, and owners of a file or database of DuckDB; and the most of the pool.',
    labels: ['kind'],
    read: ({ process }) => {
      if (process === null) return [];
      const { pool, owner, allowed } = process.threads;
      return byLabel('kind', { pool, owner, pool_allowed: allowed });
    },
  },
  pipeline_jobs: {
    help: 'Jobs that the threads work on or that wait for them.',
    labels: [],
    read: ({ process }) => one(process?.threads.jobs),
  },
  metadata_sessions: {
    help: 'Sessions with the metadata database by state; waiting = callers that wait for one.',
    labels: ['pool', 'state'],
    read: ({ process }) =>
      (process?.sessions ?? []).flatMap(({ pool, ...states }) =>
        byLabel('state', states).map(({ labels, value }) => ({ labels: { pool, ...labels }, value })),
      ),
  },
} as const satisfies Record<string, GaugeSpec>;

export type GaugeName = keyof typeof GAUGES;

function one(value: number | null | undefined): readonly Reading[] {
  return value === null || value === undefined ? [] : [{ labels: {}, value }];
}

function byLabel(label: string, values: Readonly<Record<string, number>> | undefined): readonly Reading[] {
  return Object.entries(values ?? {}).map(([key, value]) => ({ labels: { [label]: key }, value }));
}
