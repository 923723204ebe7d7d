import { existsSync } from 'node:fs';
import { codecOf } from '../../connector-kit/duckdb/index.ts';
import type {
  Acceptance,
  BulkDestination,
  ConnectorContext,
  FormatOffer,
  TableName,
  TableState,
} from '../../connector-kit/index.ts';
import { findTable } from './destination/catalogue.ts';
import { missingTable, openImage } from './destination/image.ts';
import { DuckdbLoad } from './destination/load.ts';
import { isOwnColumn } from './destination/prepare.ts';
import { previewLoad } from './destination/preview.ts';
import { findOwner, hasState } from './destination/state.ts';
import type { Lease } from './leases.ts';

const MISSING: TableState = { exists: false, owner: null, columns: [], keyColumns: [] };

/** Writes into the database file at `path`. `lease` opens it on first use. */
export function createDestination(path: string, lease: Lease, context: ConnectorContext): BulkDestination {
  return {
    defaultSchema: 'main',
    accept,
    async inspect(table, signal) {
      // Looking at a plan makes no file.
      if (!existsSync(path)) return MISSING;
      return (await lease('look')).exclusive(
        'Inspecting',
        (session) => inspectTable(session, table, context.columnPrefix),
        signal,
      );
    },
    async preview(plan, _state, signal) {
      if (!existsSync(path)) return previewLoad(null, plan);
      return (await lease('look')).exclusive('Planning in', (session) => previewLoad(session, plan), signal);
    },
    async open(plan, signal) {
      signal.throwIfAborted();
      return new DuckdbLoad(() => lease('write'), plan, context.failpoint);
    },
    async openImage(plan, signal) {
      // To look at a file that is not there would make one.
      if (!existsSync(path)) throw missingTable(plan);
      return openImage(await lease('look'), plan, signal);
    },
  };
}

/** Only `csv`: DuckDB's own parallel reader beats every form that we could hand to it. */
function accept(offer: FormatOffer): Acceptance | null {
  if (offer.format !== 'csv') return null;
  const columns = offer.fields.map(({ id, logicalType, wireType }) => {
    const { type } = codecOf(logicalType);
    const isTooWide = logicalType.kind === 'decimal' && type === 'VARCHAR';
    return { type, conversion: isTooWide ? `${id}: ${wireType} as text, too wide for a DuckDB decimal` : null };
  });
  return { format: 'csv', hashing: 'canonical', columns, cost: 2, reason: 'DuckDB reads csv itself, in parallel' };
}

async function inspectTable(
  session: Parameters<typeof findTable>[0],
  table: TableName,
  prefix: string,
): Promise<TableState> {
  const found = await findTable(session, table);
  if (found === null) return MISSING;
  return {
    exists: true,
    owner: (await hasState(session)) ? await findOwner(session, table) : null,
    columns: found.columns.filter(({ name }) => !isOwnColumn(name, prefix)),
    ownColumns: found.columns.filter(({ name }) => isOwnColumn(name, prefix)).map(({ name }) => name),
    keyColumns: found.primaryKey,
  };
}
