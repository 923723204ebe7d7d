import type { LoadPlan } from '../../../connector-kit/index.ts';
import { SyncError } from '../../../core/index.ts';
import type { Session } from '../client.ts';
import { quoteTable } from '../sql.ts';
import { dropGenerations, findScratchTables } from './generations.ts';
import { hasState } from './state.ts';

/** Who writes a table, by the destination's own record. */
interface Owner {
  readonly syncId: string;
  readonly schemaId: string;
  readonly adopted: boolean;
}

const FIND = 'SELECT sync_id, schema_id, adopted FROM __millrace.owners WHERE table_schema = $1 AND table_name = $2';

/**
 * One owner per table. `adopt` takes over what another hand made or another sync owns; without it a sync that is gone
 * keeps its tables, but not the names of tables that it never filled or that were dropped.
 */
export async function takeOwnership(
  session: Session,
  plan: LoadPlan,
  exists: boolean,
  signal: AbortSignal,
): Promise<void> {
  const { schema, name } = plan.table;
  const owner = await findOwner(session, plan, signal);
  if (owner === null && exists && !plan.adopt) throw notOurs(plan);
  if (owner !== null && !isMine(owner, plan)) {
    if (!plan.adopt && (exists || (await isLoading(session, owner, signal)))) throw ownedBy(plan, owner);
    await evict(session, plan, owner, signal);
  }
  await session.execute(
    `Taking ownership of ${quoteTable(plan.table)}`,
    `INSERT INTO __millrace.owners AS o (table_schema, table_name, sync_id, schema_id, adopted) VALUES ($1, $2, $3, $4, $5)
     ON CONFLICT (table_schema, table_name) DO UPDATE SET adopted = excluded.adopted
       WHERE o.sync_id = excluded.sync_id AND o.schema_id = excluded.schema_id AND o.adopted <> excluded.adopted`,
    [schema, name, plan.syncId, plan.schemaId, exists && (owner === null || owner.adopted)],
    signal,
  );
  // Somebody else may have been quicker.
  const now = await findOwner(session, plan, signal);
  if (now === null || !isMine(now, plan)) throw ownedBy(plan, now);
}

/** Says why a fence did not let the plan pass, if that is why. @throws `TABLE_OWNED` when the table is another's by now */
export async function refuseTaken(session: Session, plan: LoadPlan, signal: AbortSignal): Promise<void> {
  const owner = await findOwner(session, plan, signal);
  if (owner !== null && !isMine(owner, plan)) throw ownedBy(plan, owner);
}

async function findOwner(session: Session, { table }: LoadPlan, signal: AbortSignal): Promise<Owner | null> {
  const [row] = await session.query(
    `Looking for the owner of ${quoteTable(table)}`,
    FIND,
    [table.schema, table.name],
    signal,
  );
  return row === undefined
    ? null
    : { syncId: row.sync_id ?? '', schemaId: row.schema_id ?? '', adopted: row.adopted === 't' };
}

/** True when another hand made the table: then its types, rules and key stay as they are. */
export async function isAdopted(session: Session, plan: LoadPlan, signal: AbortSignal): Promise<boolean> {
  return (await findOwner(session, plan, signal))?.adopted ?? false;
}

/** What `isAdopted` will answer once the load has taken the table, which exists. */
export async function willBeAdopted(session: Session, plan: LoadPlan, signal: AbortSignal): Promise<boolean> {
  const owner = (await hasState(session, signal)) ? await findOwner(session, plan, signal) : null;
  return owner === null || owner.adopted;
}

/** A table that Millrace made itself has taken the adopted one's place. */
export async function endAdoption(session: Session, { table }: LoadPlan, signal: AbortSignal): Promise<void> {
  await session.execute(
    `Taking ownership of ${quoteTable(table)}`,
    'UPDATE __millrace.owners SET adopted = false WHERE table_schema = $1 AND table_name = $2 AND adopted',
    [table.schema, table.name],
    signal,
  );
}

function isMine(owner: Owner, plan: LoadPlan): boolean {
  return owner.syncId === plan.syncId && owner.schemaId === plan.schemaId;
}

async function isLoading(session: Session, owner: Owner, signal: AbortSignal): Promise<boolean> {
  return (await findScratchTables(session, owner, Number.MAX_SAFE_INTEGER, signal)).length > 0;
}

/**
 * What the former owner has under way ends, and leaves nothing behind. If it has another table, too, that may be where it
 * goes, so it goes on; into this one the fence lets it no more.
 */
async function evict(session: Session, plan: LoadPlan, owner: Owner, signal: AbortSignal): Promise<void> {
  const last = Number.MAX_SAFE_INTEGER;
  if (!(await ownsAnother(session, plan, owner, signal)))
    await dropGenerations(session, { ...plan, ...owner, generation: last }, last, signal);
  await session.execute(
    `Taking over ${quoteTable(plan.table)}`,
    'DELETE FROM __millrace.owners WHERE table_schema = $1 AND table_name = $2 AND sync_id = $3 AND schema_id = $4',
    [plan.table.schema, plan.table.name, owner.syncId, owner.schemaId],
    signal,
  );
}

async function ownsAnother(session: Session, { table }: LoadPlan, owner: Owner, signal: AbortSignal): Promise<boolean> {
  const rows = await session.query(
    `Looking for other tables of the owner of ${quoteTable(table)}`,
    `SELECT FROM __millrace.owners
     WHERE sync_id = $1 AND schema_id = $2 AND (table_schema, table_name) <> ($3, $4) LIMIT 1`,
    [owner.syncId, owner.schemaId, table.schema, table.name],
    signal,
  );
  return rows.length > 0;
}

function notOurs(plan: LoadPlan): SyncError {
  return new SyncError(
    'TABLE_NOT_OURS',
    `${quoteTable(plan.table)} exists and was not created by Millrace. Set adopt to take it over, or choose another name.`,
  );
}

function ownedBy(plan: LoadPlan, owner: Owner | null): SyncError {
  return new SyncError(
    'TABLE_OWNED',
    `${quoteTable(plan.table)} is written by sync ${owner?.syncId} (${owner?.schemaId}). Choose another name; if that sync is gone, set adopt.`,
    { detail: { syncId: owner?.syncId ?? '', schemaId: owner?.schemaId ?? '' } },
  );
}
