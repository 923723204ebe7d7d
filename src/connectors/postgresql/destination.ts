import {
  type Acceptance,
  type BulkDestination,
  type ConnectorContext,
  type FormatOffer,
  type Load,
  type LoadPlan,
  type Pack,
  type PackTable,
  type TableImage,
  type TableName,
  type TableState,
  tableText,
} from '../../connector-kit/index.ts';
import type { DatabaseIdentity, LoadPreview } from '../../core/index.ts';
import type { Session } from './client.ts';
import { acceptOffer } from './destination/accept.ts';
import { openImage } from './destination/image.ts';
import type { LiveTable } from './destination/live-table.ts';
import { readLiveTables } from './destination/live-tables.ts';
import { PostgresqlLoad } from './destination/load.ts';
import { ownColumnNames } from './destination/naming.ts';
import { PostgresqlPack } from './destination/pack/pack.ts';
import { previewLoad, previewNew } from './destination/preview.ts';
import { type Place, readPlace } from './destination/preview-table.ts';
import { hasState } from './destination/state.ts';
import { refuseTooWide } from './destination/table-width.ts';
import { identifyDatabase } from './identity.ts';
import type { SessionPool } from './sessions.ts';

/** As long as a plan of many tables may take what it has seen for true. */
const PLACE_MS = 5_000;

/** Writes tables of one database. */
export class PostgresqlDestination implements BulkDestination {
  readonly defaultSchema = 'public';
  readonly #pool: SessionPool;
  readonly #context: Pick<ConnectorContext, 'failpoint' | 'columnPrefix'>;
  readonly #places = new Map<string, { readonly place: Place; readonly readAt: number }>();

  constructor(pool: SessionPool, context: Pick<ConnectorContext, 'failpoint' | 'columnPrefix'>) {
    this.#pool = pool;
    this.#context = context;
  }

  accept(offer: FormatOffer): Acceptance | null {
    return acceptOffer(offer);
  }

  identify(signal: AbortSignal): Promise<DatabaseIdentity> {
    return this.#pool.use(signal, (session) => identifyDatabase(session, signal));
  }

  async inspect(table: TableName, signal: AbortSignal): Promise<TableState> {
    const [state] = await this.inspectAll([table], signal);
    return state ?? this.#toState(null, NOBODY);
  }

  inspectAll(tables: readonly TableName[], signal: AbortSignal): Promise<readonly TableState[]> {
    return this.#pool.use(signal, async (session) => {
      const live = await readLiveTables(session, tables, signal);
      const owners = await findOwners(session, tables, signal);
      return tables.map((_, index) => this.#toState(live[index] ?? null, owners.get(index) ?? NOBODY));
    });
  }

  async preview(plan: LoadPlan, { exists }: TableState, signal: AbortSignal): Promise<LoadPreview> {
    if (!exists) return previewNew(plan, await this.#placeOf(plan.table.schema, signal));
    return this.#pool.use(signal, async (session) => {
      const action = `Looking at what a load would do to ${tableText(plan.table)}`;
      await session.script(action, 'BEGIN READ ONLY', signal);
      const preview = await previewLoad(session, plan, signal);
      await session.script(action, 'COMMIT', signal);
      return preview;
    });
  }

  async open(plan: LoadPlan): Promise<Load> {
    refuseTooWide(plan);
    return new PostgresqlLoad(this.#pool, this.#context, plan);
  }

  openImage(plan: LoadPlan, signal: AbortSignal): Promise<TableImage> {
    return openImage(this.#pool, plan, signal);
  }

  async openPack(tables: readonly PackTable[]): Promise<Pack> {
    return new PostgresqlPack(this.#pool, tables);
  }

  /** Thousands of new tables share a few places. */
  async #placeOf(schema: string, signal: AbortSignal): Promise<Place> {
    const known = this.#places.get(schema);
    if (known !== undefined && Date.now() - known.readAt < PLACE_MS) return known.place;
    const place = await this.#pool.use(signal, (session) => readPlace(session, schema, signal));
    this.#places.set(schema, { place, readAt: Date.now() });
    return place;
  }

  #toState(live: LiveTable | null, { owner, isAdopted }: Owned): TableState {
    const own = ownColumnNames(this.#context.columnPrefix);
    const names = [...(live?.columns.keys() ?? [])];
    return {
      exists: live !== null,
      owner,
      columns: [...(live?.columns ?? [])]
        .filter(([name]) => !own.includes(name))
        .map(([name, type]) => ({ name, type })),
      ownColumns: names.filter((name) => own.includes(name)),
      keyColumns: live?.primaryKey ?? [],
      ...(isAdopted ? { isAdopted } : {}),
    };
  }
}

interface Owned {
  readonly owner: TableState['owner'];
  readonly isAdopted: boolean;
}

const NOBODY: Owned = { owner: null, isAdopted: false };

// State tables of an earlier version lack the column.
const OWNERS = `
  SELECT n.no::int AS no, o.sync_id, o.schema_id, to_jsonb(o)->>'adopted' AS adopted FROM unnest($1::text[], $2::text[]) WITH ORDINALITY n (table_schema, table_name, no)
  JOIN __millrace.owners o ON o.table_schema = n.table_schema AND o.table_name = n.table_name`;

/** By the tables' index, from 0. */
async function findOwners(
  session: Session,
  tables: readonly TableName[],
  signal: AbortSignal,
): Promise<ReadonlyMap<number, Owned>> {
  if (!(await hasState(session, signal))) return new Map();
  const names = [tables.map(({ schema }) => schema), tables.map(({ name }) => name)];
  const rows = await session.query('Looking for the owners of tables', OWNERS, names, signal);
  return new Map(
    rows.map((row) => {
      const owner = { syncId: row.sync_id ?? '', schemaId: row.schema_id ?? '' };
      return [Number(row.no) - 1, { owner, isAdopted: row.adopted === 'true' }];
    }),
  );
}
