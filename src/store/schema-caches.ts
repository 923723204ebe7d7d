import { sql } from 'kysely';
import { applyOverrides, type DatabaseIdentity, type SchemaDescription } from '../core/index.ts';
import type { ScopedStore, StoreDatabase } from './database.ts';

/**
 * How fresh the schemas of a source are. `refreshing`: a refresh is asked for and not finished, whoever does it. `failed`:
 * the last one failed; what is there is of an earlier one.
 */
export interface SchemaCacheState {
  readonly status: 'none' | 'refreshing' | 'fresh' | 'failed';
  /** False until a first refresh succeeded; with `refreshing`, what is there is of the last one. */
  readonly isFilled: boolean;
  readonly startedAt: Date | null;
  readonly finishedAt: Date | null;
  /** Why the last refresh failed; null after a success. */
  readonly error: string | null;
}

/** Asks for a refresh, which is durable from the commit on. One that runs already is followed by another. */
export async function requestSchemaRefresh(
  db: StoreDatabase,
  organizationId: string,
  connectionId: string,
): Promise<void> {
  await db
    .insertInto('schemaCaches')
    .values({ connectionId, organizationId, requestedAt: sql<Date>`clock_timestamp()` })
    .onConflict((conflict) =>
      conflict.column('connectionId').doUpdateSet({ requestedAt: sql<Date>`clock_timestamp()` }),
    )
    .execute();
}

const IS_PENDING = sql<boolean>`requested_at > coalesce(finished_at, '-infinity')`;

/** State of one connection's cache. */
export async function readSchemaCacheState(
  db: StoreDatabase,
  organizationId: string,
  connectionId: string,
): Promise<SchemaCacheState> {
  const row = await db
    .selectFrom('schemaCaches')
    .select(['startedAt', 'finishedAt', 'succeededAt', 'error', IS_PENDING.as('isPending')])
    .where('organizationId', '=', organizationId)
    .where('connectionId', '=', connectionId)
    .executeTakeFirst();
  if (row === undefined) return { status: 'none', isFilled: false, startedAt: null, finishedAt: null, error: null };
  const isFilled = row.succeededAt !== null;
  const { startedAt, finishedAt, error } = row;
  const settled = error !== null ? 'failed' : isFilled ? 'fresh' : 'none';
  return { status: row.isPending ? 'refreshing' : settled, isFilled, startedAt, finishedAt, error };
}

/** The cached schemas of a connection with what users said about them, by id: all, or `only` those. */
export async function listCachedSchemas(
  db: StoreDatabase,
  organizationId: string,
  connectionId: string,
  only: readonly string[] | null = null,
): Promise<SchemaDescription[]> {
  if (only?.length === 0) return [];
  let query = selectCached(db, organizationId, connectionId).orderBy('cachedSchemas.schemaId');
  if (only !== null) query = query.where('cachedSchemas.schemaId', 'in', only);
  const rows = await query.execute();
  return rows.map(({ description, overrides }) => applyOverrides(description, overrides ?? undefined));
}

/** Ids of the cached schemas of a connection, without reading their descriptions. */
export async function listCachedSchemaIds(
  db: StoreDatabase,
  organizationId: string,
  connectionId: string,
): Promise<string[]> {
  const rows = await db
    .selectFrom('cachedSchemas')
    .select('schemaId')
    .where('organizationId', '=', organizationId)
    .where('connectionId', '=', connectionId)
    .execute();
  return rows.map(({ schemaId }) => schemaId);
}

/** One cached schema with what users said about it. */
export async function findCachedSchema(
  db: StoreDatabase,
  organizationId: string,
  connectionId: string,
  schemaId: string,
): Promise<SchemaDescription | undefined> {
  const row = await selectCached(db, organizationId, connectionId)
    .where('cachedSchemas.schemaId', '=', schemaId)
    .executeTakeFirst();
  return row === undefined ? undefined : applyOverrides(row.description, row.overrides ?? undefined);
}

/** One cached schema as the system describes it. */
export async function findDetectedSchema(
  db: StoreDatabase,
  organizationId: string,
  connectionId: string,
  schemaId: string,
): Promise<SchemaDescription | undefined> {
  const row = await db
    .selectFrom('cachedSchemas')
    .select('description')
    .where('organizationId', '=', organizationId)
    .where('connectionId', '=', connectionId)
    .where('schemaId', '=', schemaId)
    .executeTakeFirst();
  return row?.description;
}

function selectCached(db: StoreDatabase, organizationId: string, connectionId: string) {
  return db
    .selectFrom('cachedSchemas')
    .leftJoin('schemaOverrides', (join) =>
      join
        .onRef('schemaOverrides.connectionId', '=', 'cachedSchemas.connectionId')
        .onRef('schemaOverrides.schemaId', '=', 'cachedSchemas.schemaId'),
    )
    .select(['cachedSchemas.description', 'schemaOverrides.overrides'])
    .where('cachedSchemas.organizationId', '=', organizationId)
    .where('cachedSchemas.connectionId', '=', connectionId);
}

/** Which databases an organization's connections led to when their schemas were read last, by connection id; those that do not tell are left out. */
export async function listDatabaseIdentities(
  db: StoreDatabase,
  organizationId: string,
): Promise<ReadonlyMap<string, DatabaseIdentity>> {
  const rows = await db
    .selectFrom('schemaCaches')
    .select(['connectionId', 'database'])
    .where('organizationId', '=', organizationId)
    .execute();
  return new Map(rows.flatMap(({ connectionId, database }) => (database === null ? [] : [[connectionId, database]])));
}

/** A connection was changed: it may lead elsewhere now, which the next refresh finds out. */
export async function forgetDatabaseIdentity(
  db: StoreDatabase,
  organizationId: string,
  connectionId: string,
): Promise<void> {
  await db
    .updateTable('schemaCaches')
    .set({ database: null })
    .where('organizationId', '=', organizationId)
    .where('connectionId', '=', connectionId)
    .execute();
}

/** A refresh that somebody should do. */
export interface PendingRefresh {
  readonly connectionId: string;
  readonly organizationId: string;
}

/** Refreshes asked for and not finished, oldest first; some may be in the hands of other processes. */
export function listPendingRefreshes(db: StoreDatabase): Promise<PendingRefresh[]> {
  return db
    .selectFrom('schemaCaches')
    .select(['connectionId', 'organizationId'])
    .where(IS_PENDING)
    .orderBy('requestedAt')
    .execute();
}

/** What a refresh found. */
export type RefreshOutcome =
  | {
      readonly schemas: readonly SchemaDescription[];
      /** Null where the system cannot tell which it is. */
      readonly database: DatabaseIdentity | null;
    }
  | { readonly error: string };

/** Class of our advisory locks on one connection's refresh. */
const REFRESH_LOCK_CLASS = 7_106_443;

/**
 * Does a pending refresh, if nobody else does it: `work` runs under a lock that dies with this process, so a crash leaves
 * the refresh pending and never stuck. No transaction is open meanwhile.
 * @returns false when another holder of the lock is at it, or nothing is pending any more
 */
export async function runPendingRefresh(
  store: ScopedStore,
  connectionId: string,
  work: () => Promise<RefreshOutcome>,
): Promise<boolean> {
  const client = await store.pool.connect();
  let isLocked = false;
  try {
    const { rows } = await client.query<{ locked: boolean }>(
      'SELECT pg_try_advisory_lock($1, hashtext($2)) AS locked',
      [REFRESH_LOCK_CLASS, connectionId],
    );
    isLocked = rows[0]?.locked === true;
    if (!isLocked) return false;
    const begun = await beginRefresh(store.db, connectionId);
    if (begun === undefined) return false;
    const outcome = await work();
    await store.transaction(({ db }) => finishRefresh(db, connectionId, begun, outcome));
    return true;
  } finally {
    // Ending the session gives the lock back whatever state the session is in.
    client.release(isLocked);
  }
}

/** A refresh that is under way. */
interface BegunRefresh {
  readonly organizationId: string;
  /** Exact text of the request that is served. */
  readonly requestedAt: string;
}

/** Undefined when none is pending. */
function beginRefresh(db: StoreDatabase, connectionId: string): Promise<BegunRefresh | undefined> {
  return db
    .updateTable('schemaCaches')
    .set({ startedAt: sql<Date>`clock_timestamp()` })
    .where('connectionId', '=', connectionId)
    .where(IS_PENDING)
    .returning(['organizationId', sql<string>`requested_at::text`.as('requestedAt')])
    .executeTakeFirst();
}

/** A request that came after the one served stays pending. */
async function finishRefresh(
  db: StoreDatabase,
  connectionId: string,
  { organizationId, requestedAt }: BegunRefresh,
  outcome: RefreshOutcome,
): Promise<void> {
  if (!(await lockOwners(db, organizationId, connectionId))) return; // deleted meanwhile
  const isSuccess = 'schemas' in outcome;
  await db
    .updateTable('schemaCaches')
    .set({
      finishedAt: sql<Date>`now()`,
      requestedAt: sql<Date>`CASE WHEN requested_at > ${requestedAt}::timestamptz THEN now() + interval '1 microsecond' ELSE least(requested_at, now()) END`,
      ...(isSuccess
        ? { succeededAt: sql<Date>`now()`, error: null, database: toJson(outcome.database) }
        : { error: outcome.error }),
    })
    .where('connectionId', '=', connectionId)
    .execute();
  if (isSuccess) await replaceCachedSchemas(db, organizationId, connectionId, outcome.schemas);
}

const toJson = (value: DatabaseIdentity | null): string | null => (value === null ? null : JSON.stringify(value));

/**
 * Keeps organization and connection from being deleted or renamed until the transaction ends. Whoever does that has their
 * rows before that of the cache, so a refresh asks for them first, too: in the other order, which is that of the foreign
 * keys' own checks, the two would wait for each other.
 * @returns false when one of them is gone
 */
async function lockOwners(db: StoreDatabase, organizationId: string, connectionId: string): Promise<boolean> {
  const organization = db.selectFrom('organizations').select('id').where('id', '=', organizationId).forKeyShare();
  if ((await organization.executeTakeFirst()) === undefined) return false;
  const connection = db.selectFrom('connections').select('id').where('id', '=', connectionId).forKeyShare();
  return (await connection.executeTakeFirst()) !== undefined;
}

/** Rows of one INSERT; four parameters each, far below the protocol's 65,535. */
const ROWS_AT_ONCE = 500;

async function replaceCachedSchemas(
  db: StoreDatabase,
  organizationId: string,
  connectionId: string,
  schemas: readonly SchemaDescription[],
): Promise<void> {
  await db.deleteFrom('cachedSchemas').where('connectionId', '=', connectionId).execute();
  for (let from = 0; from < schemas.length; from += ROWS_AT_ONCE) {
    const rows = schemas.slice(from, from + ROWS_AT_ONCE).map((schema) => ({
      connectionId,
      organizationId,
      schemaId: schema.id,
      description: JSON.stringify(schema),
    }));
    await db.insertInto('cachedSchemas').values(rows).execute();
  }
}
