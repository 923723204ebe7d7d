import { TERMINAL_STATUSES } from './statuses.ts';
import { BOTTLENECKS, TIME_PARTS } from './timing.ts';

/** How a schema of an execution can end. */
const SCHEMA_ENDS = ['completed', 'failed', 'canceled', 'interrupted'] as const;

/**
 * What the product counts and measures about itself: names without prefix and unit, as `/metrics` shows them. Labels have
 * few values: connection types, statuses, words; never an id. `values` are those known beforehand: their counters begin at
 * 0, because growth from nothing is not seen by who asks for an increase.
 */
export const COUNTERS = {
  executions_ended: {
    help: 'Executions that this process brought to an end.',
    labels: ['status'],
    values: TERMINAL_STATUSES,
  },
  execution_bottlenecks: {
    help: 'Executions by what took most of their time.',
    labels: ['part'],
    values: BOTTLENECKS,
  },
  schemas_ended: {
    help: 'Schemas of executions that this process brought to an end.',
    labels: ['status'],
    values: SCHEMA_ENDS,
  },
  schemas_restarted: {
    help: 'Schemas read again in a new generation because their source snapshot was lost.',
    labels: [],
  },
  steps_repeated: {
    help: 'Steps of executions tried again after a failure that passes.',
    labels: ['step'],
    values: ['prepare', 'read', 'finish'],
  },
  verifications: {
    help: 'Schemas whose destination was compared with the source.',
    labels: ['verdict'],
    values: ['equal', 'different'],
  },
  read_records: { help: 'Records read from sources.', labels: ['connection_type'] },
  read_bytes: { help: 'Bytes of records read from sources.', labels: ['connection_type'] },
  sent_bytes: { help: 'Bytes of records that destinations committed.', labels: ['connection_type'] },
  written_records: { help: 'Records inserted or changed by publications.', labels: ['connection_type'] },
  unchanged_records: { help: 'Records found unchanged by publications.', labels: ['connection_type'] },
  deleted_records: { help: 'Records removed or marked as deleted by publications.', labels: ['connection_type'] },
  rejected_records: { help: 'Records that destinations refused.', labels: ['connection_type'] },
  lane_seconds: { help: 'Time of lanes by what it was spent on.', labels: ['part'], values: TIME_PARTS },
} as const satisfies Record<string, Measure>;

/** Distributions; values are seconds. */
export const DISTRIBUTIONS = {
  execution_seconds: { help: 'From the request to the end of an execution.', labels: ['status'] },
  http_request_seconds: { help: 'HTTP requests by route.', labels: ['method', 'route', 'status'] },
} as const satisfies Record<string, Measure>;

interface Measure {
  readonly help: string;
  readonly labels: readonly string[];
  /** Of a measure with one label. */
  readonly values?: readonly string[];
}

export type CounterName = keyof typeof COUNTERS;
export type DistributionName = keyof typeof DISTRIBUTIONS;

type LabelsOf<M extends Measure> = Readonly<Record<M['labels'][number], string>>;

/** Where the product reports what it did. Cheap, and never throws. */
export interface Meter {
  count<Name extends CounterName>(name: Name, labels: LabelsOf<(typeof COUNTERS)[Name]>, by?: number): void;
  observe<Name extends DistributionName>(
    name: Name,
    labels: LabelsOf<(typeof DISTRIBUTIONS)[Name]>,
    seconds: number,
  ): void;
}

/** What the metadata database says of all processes together, at one moment. */
export interface FleetFacts {
  /** Executions that have not ended, by status. */
  readonly openExecutions: Readonly<Record<string, number>>;
  /** Steps of open executions that wait, and that somebody works on. */
  readonly steps: { readonly waiting: number; readonly owned: number };
  readonly workers: {
    readonly alive: number;
    /** Since the heartbeat of that living worker which was silent for longest; null without workers. */
    readonly longestSilenceSeconds: number | null;
  };
  /** Age of the oldest source snapshot that is held; null when none is. */
  readonly oldestSnapshotSeconds: number | null;
  /** Syncs that start by themselves. */
  readonly syncs: readonly SyncLag[];
}

export interface SyncLag {
  readonly syncId: string;
  /** Since the request of the last execution that completed, else since the sync was made. */
  readonly lagSeconds: number;
  /** How the last execution ended, refused starts included; null when there was none. */
  readonly lastStatus: string | null;
}
