/** `replicate` keeps the destination equal, incrementally where possible; `snapshot` replaces all records each run. */
export const BULK_MODES = ['replicate', 'snapshot'] as const;
export type BulkMode = (typeof BULK_MODES)[number];

export const RESYNC_MODES = ['refetch', 'resync', 'rebuild'] as const;
export type ResyncMode = (typeof RESYNC_MODES)[number];

export const FETCH_MODES = ['none', 'incremental', 'full'] as const;
export type FetchMode = (typeof FETCH_MODES)[number];

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
