import type {
  FilterFunction,
  FilterSide,
  MappedField,
  ModelFieldReference,
  ModelMode,
  ModelSyncIdentity,
  ModelSyncTarget,
  ScheduleFrequency,
} from '../../core/index.ts';

/** A field of the mapping as a user sends it: the mode is any text. */
export interface GivenField extends Omit<MappedField, 'syncMode'> {
  readonly syncMode: string | null;
}

/** A filter as a user sends it; its label is not his to choose. */
export interface GivenFilter {
  /** Null = `Model`. */
  readonly side: FilterSide | null;
  /** Wins over `fieldId`. */
  readonly field: ModelFieldReference | null;
  readonly fieldId: string | null;
  readonly function: FilterFunction;
  readonly value?: unknown;
}

/** A conditional value as a user sends it. */
export interface GivenOverride {
  readonly field: ModelFieldReference | null;
  /** Wins over `field`. */
  readonly fieldId: string | null;
  readonly function: FilterFunction | null;
  readonly value?: unknown;
  readonly override?: unknown;
}

/** A schedule as a user sends it. */
export interface GivenSchedule {
  readonly frequency: ScheduleFrequency | null;
  readonly minute?: string;
  readonly hour?: string;
  readonly dayOfWeek?: string;
  readonly dayOfMonth?: string;
  readonly month?: string;
  readonly runAfter: { readonly syncIds: readonly string[]; readonly bulkSyncIds: readonly string[] };
  readonly runAfterSuccessOnly: boolean | null;
  /** True when a job of another system is named. */
  readonly namesJob: boolean;
}

/** Every option of a model sync as a user sends it, defaults filled in. */
export interface ModelSyncInput {
  readonly name: string;
  readonly active: boolean;
  readonly mode: ModelMode;
  readonly target: ModelSyncTarget & { readonly connectionId: string };
  readonly identity: ModelSyncIdentity | null;
  readonly fields: readonly GivenField[];
  readonly overrideFields: readonly GivenField[];
  readonly filters: readonly GivenFilter[];
  readonly filterLogic: string | null;
  readonly overrides: readonly GivenOverride[];
  readonly schedule: GivenSchedule;
  readonly syncAllRecords: boolean;
  readonly skipInitialBackfill: boolean;
  readonly onlyEnrichUpdates: boolean;
  /** Null = the stored one stays; the empty text = none. */
  readonly encryptionPassphrase: string | null;
  /** Beside the built-in policy, which hangs on every model sync. */
  readonly policies: readonly string[];
  /** The organization the caller means; null = the caller's own. */
  readonly organizationId: string | null;
}
