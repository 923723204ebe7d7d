import { chooseFields, type FieldDescription, SyncError } from '../../core/index.ts';
import type { Run } from '../../store/index.ts';
import type { SchemaToPlan } from './plan-context.ts';

/** The fields that one execution reads, and what is remembered of the choice. */
export interface SelectedFields {
  /** In the source's own order, so that a changed selection reorders nothing. */
  readonly fields: readonly FieldDescription[];
  readonly autoFields: readonly string[];
}

/** Ids of the fields, of those that are read, that nobody behind the source may read. */
export function listObfuscated(
  { fields }: Pick<Run['schemas'][number], 'fields'>,
  read: readonly FieldDescription[],
): readonly string[] {
  const chosen = new Set(fields?.filter((field) => field.obfuscated).map(({ id }) => id));
  return read.flatMap(({ id }) => (chosen.has(id) ? [id] : []));
}

/** @throws `SOURCE_CHANGED` when a field that the user chose is gone, or nothing is left to read */
export function selectFields(
  { selection, schema }: Pick<SchemaToPlan, 'selection' | 'schema'>,
  rule: Run['sync']['automaticallyAddNewFields'],
): SelectedFields {
  const { ids, autoFields, missing } = chooseFields(selection, schema.fields, rule);
  if (missing[0] !== undefined) {
    throw new SyncError(
      'SOURCE_CHANGED',
      `The field ${missing[0]} of ${schema.id} is selected but no longer exists in the source. Remove it from the sync's selection or restore it.`,
    );
  }
  const fields = schema.fields.filter((field) => ids.has(field.id));
  if (fields.length === 0)
    throw new SyncError('SOURCE_CHANGED', `The schema ${schema.id} has no selected fields. Select at least one field.`);
  return { fields, autoFields };
}
