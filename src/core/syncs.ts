/** `replicate` keeps the destination equal, incrementally where possible; `snapshot` replaces all records each run. */
export const BULK_MODES = ['replicate', 'snapshot'] as const;
export type BulkMode = (typeof BULK_MODES)[number];

export const RESYNC_MODES = ['refetch', 'resync', 'rebuild'] as const;
export type ResyncMode = (typeof RESYNC_MODES)[number];

export const FETCH_MODES = ['none', 'incremental', 'full'] as const;
export type FetchMode = (typeof FETCH_MODES)[number];

/**
 * The `type` of an execution that compares source and destination and writes nothing. Others say how they were started:
 * `manual` or `scheduled`.
 */
export const VERIFICATION = 'verify';

/** How much a run proves: record counts, a hash of every record on both sides, or that plus repair of what differs. */
export const RECEIPT_DEPTHS = ['counts', 'checksums', 'repair'] as const;
export type ReceiptDepth = (typeof RECEIPT_DEPTHS)[number];

/**
 * How a schema's records reach the live table.
 * `replace`: a new generation is loaded beside the live table, proved, then published whole.
 * `merge`: a complete scan is staged, then inserts, updates and tombstones are applied.
 * `delta`: changed records are staged, then inserts and updates are applied; nothing is removed.
 */
export const LOAD_KINDS = ['replace', 'merge', 'delta'] as const;
export type LoadKind = (typeof LOAD_KINDS)[number];

/** Which objects or fields that appear in the source later are added to a sync by itself. */
export const AUTO_ADD_RULES = ['all', 'onlyIncremental', 'onlyNonIncremental', 'none'] as const;
export type AutoAddRule = (typeof AUTO_ADD_RULES)[number];

/** Every word of the public enum; which of them a kind of sync takes is a rule of that kind. */
export const SCHEDULE_FREQUENCIES = [
  'manual',
  'continuous',
  'hourly',
  'daily',
  'weekly',
  'custom',
  'builder',
  'runafter',
  'multi',
  'dbtcloud',
] as const;
export type ScheduleFrequency = (typeof SCHEDULE_FREQUENCIES)[number];

/** Which fields a scheduled execution reads, by whether their changes can be seen. */
export const SELECTIVE_MODES = ['none', 'incrementalFields', 'nonincrementalFields'] as const;
export type SelectiveMode = (typeof SELECTIVE_MODES)[number];

/** How a scheduled execution loads: `normal`, or one of the repair modes. */
export const SCHEDULE_RESYNC_MODES = ['normal', ...RESYNC_MODES] as const;
export type ScheduleResyncMode = (typeof SCHEDULE_RESYNC_MODES)[number];

/** What a filter asks of a field; shared by bulk syncs, models and overrides. */
export const FILTER_FUNCTIONS = [
  'Equality',
  'Inequality',
  'IsNull',
  'IsNotNull',
  'True',
  'False',
  'OnOrAfter',
  'OnOrBefore',
  'GreaterThan',
  'GreaterThanEqual',
  'LessThan',
  'LessThanEqual',
  'StringContains',
  'StringStartsWith',
  'StringEndsWith',
  'StringDoesNotContain',
  'StringDoesNotStartWith',
  'StringDoesNotEndWith',
  'StringOneOf',
  'StringNotOneOf',
  'Between',
  'ArrayContains',
  'ArrayDoesNotContain',
  'InTheLast',
  'RelativeOnOrBefore',
  'RelativeOnOrAfter',
  'StringLike',
  'StringNotLike',
  'StringMatchesTrimmed',
] as const;
export type FilterFunction = (typeof FILTER_FUNCTIONS)[number];

/** What a model sync does to its target's records. */
export const MODEL_MODES = ['create', 'update', 'updateOrCreate', 'replace', 'append', 'remove', 'snapshot'] as const;
export type ModelMode = (typeof MODEL_MODES)[number];
