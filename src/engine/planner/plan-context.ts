import type {
  BulkDestination,
  BulkSource,
  Capabilities,
  SnapshotRef,
  TableName,
  TableState,
} from '../../connector-kit/index.ts';
import type { SchemaDescription, SeenSchema } from '../../core/index.ts';
import type { Run } from '../../store/index.ts';

/** What the planner knows besides the schema: both systems, the sync's settings, the shared snapshot. */
export interface PlanContext {
  readonly run: Run;
  readonly source: BulkSource;
  readonly destination: BulkDestination;
  readonly destinationCapabilities: NonNullable<Capabilities['destination']>;
  readonly snapshot: SnapshotRef;
  readonly columnPrefix: string;
  /** How records travel on either side; see `SchemaPlan`. */
  readonly transports: readonly string[];
  readonly signal: AbortSignal;
}

export interface SchemaToPlan {
  readonly selection: Run['schemas'][number];
  /** As discovered, with what users laid over it. */
  readonly schema: SchemaDescription;
  readonly table: TableName;
  /** Tells the destination from others that the sync was pointed at before. */
  readonly place: string;
  /** True when the destination tells tables apart whose names differ in case only. */
  readonly hasCaseInNames: boolean;
  /** Output names by field id, unselected fields included. */
  readonly names: ReadonlyMap<string, string>;
  readonly state: TableState;
  /** What its last completed load found and wrote; null = none has, or none that was remembered. */
  readonly seen: SeenSchema | null;
}
