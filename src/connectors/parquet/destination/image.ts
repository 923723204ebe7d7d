import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createTableImage, type FileLease, ownColumnNames, quoteName } from '../../../connector-kit/duckdb/index.ts';
import { type LoadPlan, type TableImage, tableText } from '../../../connector-kit/index.ts';
import { SyncError } from '../../../core/index.ts';
import type { TablePlace } from './layout.ts';
import { findCurrent, readCurrent } from './table-state.ts';

/** See `BulkDestination.openImage`: the published generation, whose files nobody changes and the next publication keeps. */
export async function openImage(
  lease: FileLease,
  place: TablePlace,
  plan: LoadPlan,
  signal: AbortSignal,
): Promise<TableImage> {
  signal.throwIfAborted();
  const current = await findCurrent(place);
  const table = tableText(plan.table);
  if (current === null)
    throw differs(
      plan,
      `${table} has no records that Millrace has published. Run the sync first, or correct the path.`,
    );
  const paths = current.manifest.files.map(({ name }) => join(current.folder, name));
  const gone = paths.find((path) => !existsSync(path));
  if (gone !== undefined) throw differs(plan, `${table} has lost the file ${gone}. Run the sync again.`);
  const types = new Map(current.manifest.columns.map(({ name, type }) => [name, type]));
  const missing = plan.columns.filter(({ name }) => !types.has(name)).map(({ name }) => name);
  if (missing.length > 0)
    throw differs(
      plan,
      `${table} has no column ${missing.join(', ')}. Run the sync first, or select the other fields only.`,
    );
  const others = plan.columns.filter(({ name, type }) => types.get(name) !== type);
  const casts = others.map(({ name, type }) => `CAST(${quoteName(name)} AS ${type}) AS ${quoteName(name)}`);
  const parts = readCurrent(current);
  const { deletedAt } = ownColumnNames(plan.columnPrefix);
  return createTableImage(lease, plan, {
    from: casts.length === 0 ? `${parts} AS r` : `(SELECT * REPLACE (${casts.join(', ')}) FROM ${parts}) AS r`,
    where: types.has(deletedAt) ? [`r.${quoteName(deletedAt)} IS NULL`] : [],
    notes: others.map(
      ({ name, type }) => `Column ${name} is ${types.get(name)} in the files, and was compared as ${type}.`,
    ),
  });
}

function differs(plan: LoadPlan, message: string): SyncError {
  return new SyncError('TABLE_DIFFERS', `${plan.schemaId} cannot be compared: ${message}`);
}
