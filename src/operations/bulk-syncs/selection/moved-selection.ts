import { checkFilter, findNameFault, ownColumns, type SchemaDescription } from '../../../core/index.ts';
import type { BulkSyncSchemaRecord } from '../../../store/index.ts';
import type { Context } from '../../context.ts';
import { refuseField } from '../../refusals.ts';
import { loadSourceSchemas } from '../checks.ts';
import type { ColumnNaming } from './chosen-names.ts';

/** Schemas by id. */
export type SourceSchemas = ReadonlyMap<string, SchemaDescription>;

/** Schemas of the source that a sync moves to; null when it stays with its own. @throws as `loadSourceSchemas` */
export async function loadNewSource(context: Context, before: string, after: string): Promise<SourceSchemas | null> {
  if (before === after) return null;
  const schemas = await loadSourceSchemas(context, after);
  return new Map(schemas.map((schema) => [schema.id, schema]));
}

/**
 * Refuses the move of a sync to a source that lacks what it has selected, or to a destination that cannot take the names
 * which were chosen for its columns. Tables are another matter (`refuseSharedTables`).
 */
export function refuseMisfits(
  rows: readonly BulkSyncSchemaRecord[],
  source: SourceSchemas | null,
  naming: ColumnNaming,
): void {
  for (const row of rows) {
    if (!row.enabled) continue;
    if (source !== null) refuseMissing(row, source.get(row.schemaId));
    const reserved = ownColumns(naming.columnPrefix);
    for (const { id, userOutputName } of row.fields ?? []) {
      const fault = userOutputName === null ? null : findNameFault(userOutputName, { ...naming, reserved });
      if (fault === null) continue;
      const reason = `the output name of "${id}" of ${row.schemaId} ${fault}`;
      throw refuseField('destination_connection_id', reason, { schema: row.schemaId });
    }
  }
}

function refuseMissing(row: BulkSyncSchemaRecord, schema: SchemaDescription | undefined): void {
  const refuse = (what: string) => refuseField('source_connection_id', what, { schema: row.schemaId });
  if (schema === undefined) throw refuse(`that source has no schema "${row.schemaId}", which this sync selects`);
  const fields = new Map(schema.fields.map((field) => [field.id, field]));
  const chosen = (row.fields ?? []).filter(({ enabled }) => enabled).map(({ id }) => id);
  const tracked = row.trackingField === null ? [] : [row.trackingField];
  const missing = [...chosen, ...tracked, ...row.filters.map(({ fieldId }) => fieldId)].find((id) => !fields.has(id));
  if (missing !== undefined)
    throw refuse(`${row.schemaId} has no field "${missing}" in that source, which this sync uses`);
  if (row.trackingField !== null && fields.get(row.trackingField)?.canTrack !== true)
    throw refuse(`"${row.trackingField}" of ${row.schemaId} cannot show changes in that source`);
  for (const { fieldId, function: name, value } of row.filters) {
    const field = fields.get(fieldId);
    const misfit = field === undefined ? null : checkFilter(field, { field: fieldId, function: name, value });
    if (misfit !== null)
      throw refuse(`a filter on "${fieldId}" of ${row.schemaId} does not fit that source: ${misfit}`);
  }
}
