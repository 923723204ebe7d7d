import { codecOf, type FileLease } from '../../connector-kit/duckdb/index.ts';
import type {
  Acceptance,
  BulkDestination,
  ConnectorContext,
  FormatOffer,
  TableState,
} from '../../connector-kit/index.ts';
import { openImage } from './destination/image.ts';
import { placeOf } from './destination/layout.ts';
import { ParquetLoad } from './destination/load.ts';
import type { PartFormat } from './destination/part-format.ts';
import { previewLoad } from './destination/preview.ts';
import { findCurrent, hasForeignFiles, readTable } from './destination/table-state.ts';

/** Writes files of one format into the folder `root`. `lease` locks it on first use. */
export function createDestination(
  { root, format }: { readonly root: string; readonly format: PartFormat },
  lease: () => Promise<FileLease>,
  context: ConnectorContext,
): BulkDestination {
  return {
    defaultSchema: '',
    accept: (offer) => accept(offer, format),
    async inspect(table, signal): Promise<TableState> {
      signal.throwIfAborted();
      const place = placeOf(root, table);
      const current = await findCurrent(place);
      const record = await readTable(place);
      return {
        exists: current !== null || (record === null && (await hasForeignFiles(place))),
        owner: record?.owner ?? null,
        columns: current?.manifest.columns.map(({ name, type }) => ({ name, type })) ?? [],
        keyColumns: [],
      };
    },
    async preview(plan, _state, signal) {
      signal.throwIfAborted();
      return previewLoad(placeOf(root, plan.table), plan);
    },
    async open(plan, signal) {
      signal.throwIfAborted();
      return new ParquetLoad({ root, lease, plan, format, failpoint: context.failpoint });
    },
    openImage: async (plan, signal) => openImage(await lease(), placeOf(root, plan.table), plan, signal),
  };
}

/** Only `csv`: DuckDB's own parallel reader beats every form that we could hand to it. */
function accept(offer: FormatOffer, format: PartFormat): Acceptance | null {
  if (offer.format !== 'csv') return null;
  const columns = offer.fields.map(({ id, logicalType, wireType }) => {
    const { type } = codecOf(logicalType);
    const isTooWide = logicalType.kind === 'decimal' && type === 'VARCHAR';
    return {
      type,
      conversion:
        isTooWide && format === 'parquet' ? `${id}: ${wireType} as text, too wide for a Parquet decimal` : null,
    };
  });
  return {
    format: 'csv',
    hashing: 'canonical',
    columns,
    cost: 2,
    reason: 'DuckDB makes the files of csv, in parallel',
  };
}
