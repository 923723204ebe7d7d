import type { FieldType } from './fields.ts';

/** What a model is made of: `table` and `view` by their id, `query` by its text. */
export const MODEL_ORIGINS = ['table', 'view', 'query'] as const;
export type ModelOriginKind = (typeof MODEL_ORIGINS)[number];
export interface ModelOrigin {
  readonly kind: ModelOriginKind;
  /** Id of the table or view, or text of the query. */
  readonly value: string;
}

/** One field of a model. */
export interface ModelField {
  /** Given when the field is first seen, and kept as long as its name is. */
  readonly id: string;
  readonly name: string;
  readonly label: string;
  readonly type: FieldType;
  /** The source system's own name of the type; null for a field that a user added. */
  readonly remoteType: string | null;
  /** True where the source keeps a single-column unique key on it. */
  readonly isUnique: boolean;
  /** True for a field that the source does not show and a user named. */
  readonly isUserAdded: boolean;
  /** What a user gave; null = none. */
  readonly example: string | null;
}

/** A field of this model leads to a field of another: the other's records belong to this one's. */
export interface ModelRelation {
  readonly from: string;
  readonly to: { readonly modelId: string; readonly field: string };
}

/** The fields that a model has: those taken of what the source shows, then those that users added. */
export function listModelFields(model: {
  readonly detectedFields: readonly ModelField[];
  readonly selectedFields: readonly string[] | null;
  readonly additionalFields: readonly ModelField[];
}): readonly ModelField[] {
  const { detectedFields, selectedFields, additionalFields } = model;
  const taken =
    selectedFields === null ? detectedFields : detectedFields.filter(({ name }) => selectedFields.includes(name));
  return [...taken, ...additionalFields];
}
