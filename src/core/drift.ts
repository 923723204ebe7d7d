import type { LogicalType } from './fields.ts';

/** What may be different at a source from what the last completed load found there. */
export const DRIFT_KINDS = [
  'schema_added',
  'schema_dropped',
  'field_added',
  'field_dropped',
  'field_renamed',
  'type_widened',
  'type_narrowed',
  'type_changed',
  'key_changed',
] as const;
export type DriftKind = (typeof DRIFT_KINDS)[number];

/** One difference, and what became of it. Never holds a record's values. */
export interface DriftEvent {
  readonly kind: DriftKind;
  readonly schemaId: string;
  /** Field id, of a renamed one the new id; null for what is about the schema. */
  readonly field: string | null;
  /** Type, name, or key columns by output name; null where there was nothing. */
  readonly before: string | null;
  readonly after: string | null;
  /** A sentence for people. Whether the schema completed is its own status. */
  readonly outcome: string;
  /** True where somebody should look: it counts as a warning of the schema. */
  readonly needsAttention: boolean;
}

/** What the last completed load of a schema found and wrote. Plain JSON: it is stored. */
export interface SeenSchema {
  readonly fields: readonly SeenField[];
  /** Output names of the key's columns; empty for a table that was replaced for want of one. */
  readonly key: readonly string[];
  /** Ids of fields of which hashes were written; absent = none. */
  readonly obfuscated?: readonly string[];
  /** Where the records went; absent in what earlier releases stored, as is `place`, which tells systems apart. */
  readonly table?: { readonly schema: string; readonly name: string; readonly place?: string };
  /** Of each table that it was loaded into before, under other names, the last load; absent = none is known. */
  readonly former?: readonly Omit<SeenSchema, 'former'>[];
}

export interface SeenField {
  readonly id: string;
  readonly type: string;
  readonly logicalType: LogicalType;
  /** Survives a rename; absent where the source has no such thing. */
  readonly stableId?: string;
  /** Output name; absent where the field was not written, and in what earlier releases stored. */
  readonly name?: string;
}
