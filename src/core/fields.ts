/** The API's own type words for a field. */
export const FIELD_TYPES = ['unknown', 'string', 'number', 'boolean', 'datetime', 'array', 'object', 'binary'] as const;
export type FieldType = (typeof FIELD_TYPES)[number];

/**
 * What a field's values mean, whatever system holds them. Each has one canonical byte form (docs/specs/canonical.md).
 * A system type without a logical type of its own travels as `text` and the plan declares the conversion.
 */
export type LogicalType =
  | { readonly kind: 'boolean' }
  | { readonly kind: 'integer'; readonly bits: 16 | 32 | 64 }
  | { readonly kind: 'decimal'; readonly precision: number; readonly scale: number }
  | { readonly kind: 'float'; readonly bits: 32 | 64 }
  | { readonly kind: 'text' }
  | { readonly kind: 'bytes' }
  | { readonly kind: 'uuid' }
  | { readonly kind: 'json' }
  | { readonly kind: 'date' }
  | { readonly kind: 'time' }
  | { readonly kind: 'timestamp' }
  | { readonly kind: 'timestamptz' };

/** One column of a table, or one property of an object, as its system describes it. */
export interface FieldDescription {
  /** The source's own name; never changes for the life of the field. */
  readonly id: string;
  readonly name: string;
  readonly type: FieldType;
  /** The system's own type name, such as `numeric(15,2)`. */
  readonly remoteType: string;
  readonly logicalType: LogicalType;
  readonly isNullable: boolean;
  readonly isPrimaryKey: boolean;
  /** Ordered values that can show change (times, integers); generated columns never. */
  readonly canTrack: boolean;
  /** Names the field within its system for as long as it lives, also when it is renamed. */
  readonly stableId?: string;
  /** Computed by the system from other fields, so its changes do not show by themselves. */
  readonly isGenerated?: boolean;
  /** Of a field that a user added: the field that holds it, then the keys within its JSON. */
  readonly userPath?: readonly string[];
  readonly association?: FieldAssociation;
  /** The values of an enum, in its order. */
  readonly values?: readonly PickValue[];
}

/** A foreign key seen from its field. */
export interface FieldAssociation {
  readonly id: string;
  readonly name: string;
  /** Schema ids. */
  readonly referenceTo: readonly string[];
  readonly referencedField: string;
}

export interface PickValue {
  readonly label: string;
  readonly value: string;
}

/** One table or object as its system describes it. */
export interface SchemaDescription {
  /** `schema.table` for databases, the object's name elsewhere. */
  readonly id: string;
  readonly name: string;
  readonly fields: readonly FieldDescription[];
  /** Field ids in key order; empty when the system knows no key. */
  readonly primaryKey: readonly string[];
  /** The system's own estimate; null when it has none. */
  readonly estimatedRecords: number | null;
  readonly estimatedBytes: number | null;
  /** For plan and receipt: what of it the source keeps from its user. Absent = nothing that it tells of. */
  readonly notes?: readonly string[];
}
