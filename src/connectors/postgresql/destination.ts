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
import type { LoadPreview } from '../../core/index.ts';
import type { Session } from './client.ts';
import { acceptOffer } from './destination/accept.ts';
import { openImage } from './destination/image.ts';
import { readLiveTable } from './destination/live-table.ts';
import { PostgresqlLoad } from './destination/load.ts';
import { ownColumnNames } from './destination/naming.ts';
import { PostgresqlPack } from './destination/pack/pack.ts';
import { previewLoad } from './destination/preview.ts';
import { hasState } from './destination/state.ts';
import { refuseTooWide } from './destination/table-width.ts';
import type { SessionPool } from './sessions.ts';

/** Writes tables of one database. */
export class PostgresqlDestination implements BulkDestination {
  readonly defaultSchema = 'public';
  readonly #pool: SessionPool;
  readonly #context: Pick<ConnectorContext, 'failpoint' | 'columnPrefix'>;

  constructor(pool: SessionPool, context: Pick<ConnectorContext, 'failpoint' | 'columnPrefix'>) {
    this.#pool = pool;
    this.#context = context;
  }

  accept(offer: FormatOffer): Acceptance | null {
    return acceptOffer(offer);
  }

  inspect(table: TableName, signal: AbortSignal): Promise<TableState> {
    return this.#pool.use(signal, (session) => this.#inspect(session, table, signal));
  }

  preview(plan: LoadPlan, _state: TableState, signal: AbortSignal): Promise<LoadPreview> {
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

  async #inspect(session: Session, table: TableName, signal: AbortSignal): Promise<TableState> {
    const live = await readLiveTable(session, table, signal);
    const own = ownColumnNames(this.#context.columnPrefix);
    const names = [...(live?.columns.keys() ?? [])];
    return {
      exists: live !== null,
      owner: await findOwner(session, table, signal),
      columns: [...(live?.columns ?? [])]
        .filter(([name]) => !own.includes(name))
        .map(([name, type]) => ({ name, type })),
      ownColumns: names.filter((name) => own.includes(name)),
      keyColumns: live?.primaryKey ?? [],
    };
  }
}

async function findOwner(session: Session, table: TableName, signal: AbortSignal): Promise<TableState['owner']> {
  if (!(await hasState(session, signal))) return null;
  const [row] = await session.query(
    'Looking for the owner of a table',
    'SELECT sync_id, schema_id FROM __millrace.owners WHERE table_schema = $1 AND table_name = $2',
    [table.schema, table.name],
    signal,
  );
  return row === undefined ? null : { syncId: row.sync_id ?? '', schemaId: row.schema_id ?? '' };
}
