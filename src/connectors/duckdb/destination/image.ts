import { createTableImage, type FileLease, ownColumnNames, quoteName } from '../../../connector-kit/duckdb/index.ts';
import { type LoadPlan, type TableImage, tableText } from '../../../connector-kit/index.ts';
import { SyncError } from '../../../core/index.ts';
import { type CatalogueTable, findTable } from './catalogue.ts';
import { inPlannedTypes } from './digest.ts';

/** See `BulkDestination.openImage`. No other process can write an open file, and one sync alone writes a table. */
export async function openImage(lease: FileLease, plan: LoadPlan, signal: AbortSignal): Promise<TableImage> {
  return lease.exclusive(
    `Looking at ${plan.schemaId} in`,
    async (session) => {
      const live = await findTable(session, plan.table);
      refuseIncomparable(plan, live);
      const { deletedAt } = ownColumnNames(plan.columnPrefix);
      const isKept = live.typeOf(deletedAt) === undefined ? [] : [`r.${quoteName(deletedAt)} IS NULL`];
      return createTableImage(lease, plan, {
        from: `${await inPlannedTypes(session, plan, live.table)} AS r`,
        where: isKept,
        notes: plan.columns
          .filter(({ name, type }) => live.typeOf(name) !== type)
          .map(
            ({ name, type }) =>
              `Column ${name} is ${live.typeOf(name)} in the destination, and was compared as ${type}.`,
          ),
      });
    },
    signal,
  );
}

function refuseIncomparable(plan: LoadPlan, live: CatalogueTable | null): asserts live is CatalogueTable {
  if (live === null) throw missingTable(plan);
  const missing = plan.columns.filter(({ name }) => live.typeOf(name) === undefined).map(({ name }) => name);
  if (missing.length === 0) return;
  throw new SyncError(
    'TABLE_DIFFERS',
    `${tableText(plan.table)} has no column ${missing.join(', ')}, so ${plan.schemaId} cannot be compared with it. Run the sync first, or select the other fields only.`,
  );
}

/** Nothing to compare with. */
export function missingTable(plan: LoadPlan): SyncError {
  return new SyncError(
    'TABLE_DIFFERS',
    `${tableText(plan.table)} does not exist in the destination, so ${plan.schemaId} has nothing to be compared with. Run the sync first, or correct the destination schema.`,
  );
}
