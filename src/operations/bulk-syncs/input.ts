import type { AutoAddRule, BulkMode, NameRule } from '../../core/index.ts';
import type { ScheduleInput } from './schedules/schedule-rules.ts';

/** A sync's source or destination configuration: keys are the connector's. */
export type SyncConfiguration = Readonly<Record<string, unknown>>;

/** Every option of a bulk sync as a user sends it, defaults filled in; the selection travels beside it. */
export interface BulkSyncInput {
  readonly name: string;
  readonly active: boolean;
  /** Null = the destination's first. */
  readonly mode: BulkMode | null;
  readonly sourceConnectionId: string;
  readonly sourceConfiguration: SyncConfiguration | null;
  readonly destinationConnectionId: string;
  readonly destinationConfiguration: SyncConfiguration;
  readonly defaultSchedule: ScheduleInput;
  readonly additionalSchedules: readonly ScheduleInput[];
  readonly automaticallyAddNewFields: AutoAddRule;
  readonly automaticallyAddNewObjects: AutoAddRule;
  readonly normalizeNames: NameRule;
  readonly disableRecordTimestamps: boolean;
  readonly dataCutoffTimestamp: Date | null;
  readonly concurrencyLimit: number | null;
  readonly resyncConcurrencyLimit: number | null;
  /** Beside the built-in policy, which hangs on every bulk sync. */
  readonly policies: readonly string[];
  /** The organization the caller means; null = the caller's own. */
  readonly organizationId: string | null;
}
