import type { FieldType } from '../core/index.ts';

/**
 * Reads single tables and queries of users, for models and the query runner. What is absent is done by the source, table by
 * table, or not at all: a connector without `readQuery` has no language in which users could ask.
 */
export interface ModelReader {
  /** Every table and view that the user may read, without their fields. */
  listTables?(signal: AbortSignal): Promise<readonly ReadableTable[]>;
  /** The first records of a table or view. @throws `QUERY_FAILED` when there is none of this id */
  readTable?(id: string, limits: ReadLimits, signal: AbortSignal): Promise<FoundRecords>;
  /**
   * What one reading statement finds. It may be anything that a user writes: it runs where it can change nothing, alone, in
   * a session that nobody else gets. @throws `QUERY_FAILED` with what the system says of it
   */
  readQuery?(text: string, limits: ReadLimits, signal: AbortSignal): Promise<FoundRecords>;
}

/** A table or view by its public id. */
export interface ReadableTable {
  readonly id: string;
  readonly kind: 'table' | 'view';
}

/** Where reading ends. */
export interface ReadLimits {
  /** 0 = only the fields are wanted, and nothing is read. */
  readonly maxRecords: number;
  /** Of the values as text. */
  readonly maxBytes: number;
  /** How long one statement may take, in milliseconds. */
  readonly timeoutMs: number;
}

export interface FoundField {
  /** Unique among the fields of one answer. */
  readonly name: string;
  readonly type: FieldType;
  readonly remoteType: string;
  /** True where the system keeps a unique key on this field alone. */
  readonly isUnique: boolean;
}

/** What was read. */
export interface FoundRecords {
  readonly fields: readonly FoundField[];
  /** JSON values by field name. */
  readonly records: readonly Readonly<Record<string, unknown>>[];
  /** False when a limit ended the reading. */
  readonly isComplete: boolean;
  /** For people, such as a hint at a user that may write. */
  readonly warnings: readonly string[];
}

/** Names that tell all columns apart: a second `id` becomes `id_2`. */
export function toDistinctNames(names: readonly string[]): readonly string[] {
  const taken = new Set<string>();
  return names.map((name) => {
    let free = name;
    for (let count = 2; taken.has(free); count += 1) free = `${name}_${count}`;
    taken.add(free);
    return free;
  });
}
