import type { FieldDescription, FieldType, LogicalType, SchemaDescription } from './fields.ts';

/** A field that a user added: a value inside a JSON field of the same schema. */
export interface UserField {
  /** Unique among the schema's fields, detected ones included. */
  readonly id: string;
  readonly label: string;
  readonly type: UserFieldType;
  /** The field that holds it, then the keys (or digits of a list's position) within its JSON; at least two parts. */
  readonly path: readonly string[];
  /** Shown back to the user, never used. */
  readonly example?: unknown;
}

/** What users said about one schema, over what was discovered. Plain JSON: it is stored as it is. */
export interface SchemaOverrides {
  readonly userFields: readonly UserField[];
  /** Names of detected fields, by field id. */
  readonly labels: Readonly<Record<string, string>>;
  /** Field ids in key order; empty = no key; null = the detected key. */
  readonly primaryKey: readonly string[] | null;
}

/** Nothing is overridden. */
export const NO_OVERRIDES: SchemaOverrides = { userFields: [], labels: {}, primaryKey: null };

/**
 * The types that a value inside JSON can be given. A remote type is the SQL name of what the value is cast to; numbers
 * keep every digit, so they are `numeric` without limits.
 */
const USER_FIELD_TYPES = {
  string: { remoteType: 'text', logicalType: { kind: 'text' } },
  number: { remoteType: 'numeric', logicalType: { kind: 'text' } },
  boolean: { remoteType: 'boolean', logicalType: { kind: 'boolean' } },
  datetime: { remoteType: 'timestamp with time zone', logicalType: { kind: 'timestamptz' } },
  array: { remoteType: 'jsonb', logicalType: { kind: 'json' } },
  object: { remoteType: 'jsonb', logicalType: { kind: 'json' } },
} as const satisfies Partial<Record<FieldType, { remoteType: string; logicalType: LogicalType }>>;
export type UserFieldType = keyof typeof USER_FIELD_TYPES;

/** The words that a user field's type may be. */
export const USER_FIELD_TYPE_NAMES: readonly string[] = Object.keys(USER_FIELD_TYPES);

export function isUserFieldType(type: string): type is UserFieldType {
  return USER_FIELD_TYPE_NAMES.includes(type);
}

/**
 * The schema as users see it and as the engine reads it. What no longer fits the discovered schema is left out: a user
 * field whose JSON field is gone, or whose id a column has taken; a key of which a field is gone falls back to the
 * detected one.
 */
export function applyOverrides(schema: SchemaDescription, overrides: SchemaOverrides | undefined): SchemaDescription {
  if (overrides === undefined) return schema;
  const detected = new Set(schema.fields.map(({ id }) => id));
  // A column may be called `constructor`.
  const labels = new Map(Object.entries(overrides.labels));
  const added = overrides.userFields.filter(({ id, path }) => !detected.has(id) && detected.has(path[0] ?? ''));
  const fields = [
    ...schema.fields.map((field) => ({ ...field, name: labels.get(field.id) ?? field.name })),
    ...added.map(toField),
  ];
  const known = new Set(fields.map(({ id }) => id));
  const isWhole = overrides.primaryKey?.every((id) => known.has(id)) === true;
  const primaryKey = isWhole ? (overrides.primaryKey ?? []) : schema.primaryKey;
  return {
    ...schema,
    fields: fields.map((field) => ({ ...field, isPrimaryKey: primaryKey.includes(field.id) })),
    primaryKey,
  };
}

function toField({ id, label, type, path }: UserField): FieldDescription {
  return {
    id,
    name: label,
    type,
    ...USER_FIELD_TYPES[type],
    isNullable: true,
    isPrimaryKey: false,
    // It is computed from another field, and its values may be of any kind.
    canTrack: false,
    userPath: path,
  };
}
