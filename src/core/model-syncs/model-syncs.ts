import type { FilterFunction, ModelMode, ScheduleFrequency } from '../syncs.ts';

/** How "the same record" is decided between a model and a target. */
export const IDENTITY_FUNCTIONS = ['Equality', 'ISubstring', 'OneOf', 'DomainMatch', 'HostnameMatch'] as const;
export type IdentityFunction = (typeof IDENTITY_FUNCTIONS)[number];

/** The states of an execution of a model sync, in the API's words. */
export const MODEL_EXECUTION_STATUSES = [
  'created',
  'scheduled',
  'queued',
  'waiting',
  'running',
  'processing',
  'canceling',
  'canceled',
  'completed',
  'failed',
  'interrupted',
] as const;

/** The kinds of records that the log of an execution of a model sync tells about. */
export const RECORD_LOG_TYPES = ['records', 'errors', 'warnings', 'inserts', 'updates', 'deletes'] as const;

/** Whether a filter looks at records of a model or at those of the target. */
export const FILTER_SIDES = ['Model', 'Target'] as const;
export type FilterSide = (typeof FILTER_SIDES)[number];

/** One field of one model, by its name. */
export interface ModelFieldReference {
  readonly modelId: string;
  readonly field: string;
}

/** One field of the target, and where its value comes from. */
export interface MappedField {
  /** Null for a constant. */
  readonly source: ModelFieldReference | null;
  readonly target: string;
  /** Null = the sync's own mode. */
  readonly syncMode: ModelMode | null;
  /** The field is to be made in the target. */
  readonly isNew: boolean;
  /** A constant in the place of the source's value; null = none. */
  readonly overrideValue: string | null;
  readonly isEncrypted: boolean;
}

/** What decides that a record of the model and one of the target are the same. */
export interface ModelSyncIdentity {
  readonly source: ModelFieldReference;
  readonly target: string;
  readonly function: IdentityFunction;
  readonly isNewField: boolean;
  readonly remoteFieldTypeId: string | null;
}

/** A record passes when it meets this; several are joined by the sync's filter logic, or all must hold. */
export interface ModelSyncFilter {
  readonly side: FilterSide;
  /** Side `Model`: the field; null on the other side. */
  readonly field: ModelFieldReference | null;
  /** The id of the model's field, or of the target's. */
  readonly fieldId: string;
  readonly function: FilterFunction;
  /** Any JSON; absent where the function takes none. */
  readonly value?: unknown;
  /** A, B, C in the order of the list. */
  readonly label: string;
}

/** Where the condition holds, the value takes the place of the field's own. */
export interface ModelSyncOverride {
  readonly field: ModelFieldReference;
  readonly fieldId: string;
  readonly function: FilterFunction;
  readonly value?: unknown;
  /** Any JSON. */
  readonly override: unknown;
}

/** What a model sync writes: an object that is there, or one that is still to be made. */
export interface ModelSyncTarget {
  readonly object: string | null;
  /** Values of the connection's creation properties. */
  readonly create: Readonly<Record<string, string>> | null;
  readonly configuration: Readonly<Record<string, unknown>> | null;
  /** Over the labels of the filters that look at the target. */
  readonly filterLogic: string | null;
}

/** When a model sync comes; times are the API's strings, in UTC. */
export interface ModelSyncSchedule {
  readonly frequency: ScheduleFrequency;
  readonly minute?: string;
  readonly hour?: string;
  readonly dayOfWeek?: string;
  readonly dayOfMonth?: string;
  readonly month?: string;
  /** Frequency `runafter`: the syncs that it waits for. */
  readonly runAfter?: { readonly syncIds: readonly string[]; readonly bulkSyncIds: readonly string[] };
  readonly runAfterSuccessOnly?: boolean;
}
