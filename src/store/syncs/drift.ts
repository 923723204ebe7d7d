import type { DriftEvent, SchemaStatus, SeenSchema } from '../../core/index.ts';
import type { StoreDatabase } from '../database.ts';

/** Events of one execution that are kept: beyond it, every one says the same of another schema. */
const MAX_EVENTS = 5_000;
const ROWS_PER_INSERT = 1_000;

interface DriftScope {
  readonly id: string;
  readonly syncId: string;
  readonly organizationId: string;
}

/** Every schema (or `only` those) that was there when the sync ran last, with what its last completed load found; null = none has. */
export async function listSeenSchemas(
  db: StoreDatabase,
  syncId: string,
  only: readonly string[] | null = null,
): Promise<ReadonlyMap<string, SeenSchema | null>> {
  if (only?.length === 0) return new Map();
  let query = db.selectFrom('seenSchemas').select(['schemaId', 'description']).where('syncId', '=', syncId);
  if (only !== null) query = query.where('schemaId', 'in', only);
  const rows = await query.execute();
  return new Map(rows.map(({ schemaId, description }) => [schemaId, description]));
}

/** Replaces the events of an execution, so that planning can be repeated. Call inside a transaction. */
export async function replaceDrift(
  db: StoreDatabase,
  execution: DriftScope,
  events: readonly DriftEvent[],
): Promise<void> {
  await db.deleteFrom('driftEvents').where('executionId', '=', execution.id).execute();
  const { id: executionId, syncId, organizationId } = execution;
  const rows = events.slice(0, MAX_EVENTS).map((event) => ({ ...event, executionId, syncId, organizationId }));
  for (let first = 0; first < rows.length; first += ROWS_PER_INSERT) {
    await db
      .insertInto('driftEvents')
      .values(rows.slice(first, first + ROWS_PER_INSERT))
      .execute();
  }
}

/** Remembers which schemas are there. Call inside a transaction. */
export async function rememberSchemas(
  db: StoreDatabase,
  { syncId, organizationId }: Omit<DriftScope, 'id'>,
  changes: { readonly appeared: readonly string[]; readonly vanished: readonly string[] },
): Promise<void> {
  const rows = changes.appeared.map((schemaId) => ({ syncId, organizationId, schemaId }));
  for (let first = 0; first < rows.length; first += ROWS_PER_INSERT) {
    await db
      .insertInto('seenSchemas')
      .values(rows.slice(first, first + ROWS_PER_INSERT))
      .onConflict((conflict) => conflict.doNothing())
      .execute();
  }
  if (changes.vanished.length === 0) return;
  await db
    .deleteFrom('seenSchemas')
    .where('syncId', '=', syncId)
    .where('schemaId', 'in', [...changes.vanished])
    .execute();
}

/** Remembers what a completed load found. Call in the transaction that completes it. */
export async function saveSeenSchema(
  db: StoreDatabase,
  seen: Omit<DriftScope, 'id'> & { readonly description: SeenSchema },
  schemaId: string,
): Promise<void> {
  const { syncId, organizationId } = seen;
  const description = JSON.stringify(seen.description);
  await db
    .insertInto('seenSchemas')
    .values({ syncId, organizationId, schemaId, description })
    .onConflict((conflict) => conflict.columns(['syncId', 'schemaId']).doUpdateSet({ description }))
    .execute();
}

/** An event as it is stored, with what became of its schema in that execution. */
export interface DriftRecord extends DriftEvent {
  readonly id: string;
  readonly executionId: string;
  /** Null for a schema that the execution did not work on. */
  readonly schemaStatus: SchemaStatus | null;
  readonly createdAt: Date;
}

/** Of one sync the newest first; of one execution in the order in which they were found. */
export async function listDriftEvents(
  db: StoreDatabase,
  organizationId: string,
  of: { readonly syncId: string; readonly executionId: string | null },
  page: { readonly limit: number; readonly after: string | null },
): Promise<{ readonly records: readonly DriftRecord[]; readonly hasMore: boolean }> {
  const { syncId, executionId } = of;
  let query = db
    .selectFrom('driftEvents')
    .leftJoin('executionSchemas', (join) =>
      join
        .onRef('executionSchemas.executionId', '=', 'driftEvents.executionId')
        .onRef('executionSchemas.schemaId', '=', 'driftEvents.schemaId'),
    )
    .select(['driftEvents.id', 'driftEvents.executionId', 'driftEvents.schemaId', 'kind', 'field', 'before', 'after'])
    .select(['outcome', 'needsAttention', 'driftEvents.createdAt', 'executionSchemas.status as schemaStatus'])
    .where('driftEvents.organizationId', '=', organizationId)
    .where('driftEvents.syncId', '=', syncId);
  if (executionId !== null) query = query.where('driftEvents.executionId', '=', executionId);
  if (page.after !== null) query = query.where('driftEvents.id', executionId === null ? '<' : '>', page.after);
  const rows = await query
    .orderBy('driftEvents.id', executionId === null ? 'desc' : 'asc')
    .limit(page.limit + 1)
    .execute();
  return { records: rows.slice(0, page.limit), hasMore: rows.length > page.limit };
}
