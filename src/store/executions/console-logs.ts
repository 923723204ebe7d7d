import { sql } from 'kysely';
import type { StoreDatabase } from '../database.ts';
import type { ConsoleLevel } from '../execution-tables.ts';

/** One line for people about an execution. */
export interface ConsoleEntry {
  /** Null for what is not about one schema. */
  readonly schemaId: string | null;
  readonly level: ConsoleLevel;
  /** A sentence; never secrets or record values. */
  readonly message: string;
  /** Facts as the API shows them, so keys are snake_case. */
  readonly payload: Readonly<Record<string, unknown>> | null;
  readonly createdAt: Date;
}

/** One stored line. */
export interface ConsoleRecord extends ConsoleEntry {
  /** Grows within the execution. */
  readonly no: number;
}

/** Lines about schemas that one execution keeps; what comes later is left out, and the last line says so. */
const MAX_SCHEMA_ENTRIES = 20_000;

const FULL = 'The log of this execution is full: what follows about single schemas is left out.';

/** Appends lines in their order. Nothing happens when the execution was deleted meanwhile. */
export async function appendConsoleLogs(
  db: StoreDatabase,
  executionId: string,
  entries: readonly ConsoleEntry[],
): Promise<void> {
  let left = entries;
  while (left.length > 0) {
    const log = await findLog(db, executionId);
    if (log === undefined) return;
    const last = log.no ?? 0;
    const { organizationId } = log;
    const kept = bound(left, last);
    const numbered = kept.map((entry, index) => ({ ...entry, executionId, organizationId, no: last + index + 1 }));
    const stored = await insertEntries(db, numbered);
    // Another process was faster with these numbers.
    left = numbered.filter(({ no }) => !stored.has(no));
  }
}

/** Undefined when there is no such execution. */
function findLog(db: StoreDatabase, executionId: string) {
  return db
    .selectFrom('executions')
    .select((eb) => [
      'organizationId',
      eb
        .selectFrom('consoleLogs')
        .select((inner) => inner.fn.max('no').as('no'))
        .whereRef('consoleLogs.executionId', '=', 'executions.id')
        .as('no'),
    ])
    .where('id', '=', executionId)
    .executeTakeFirst();
}

function bound(entries: readonly ConsoleEntry[], last: number): readonly ConsoleEntry[] {
  const kept: ConsoleEntry[] = [];
  for (const entry of entries) {
    const free = MAX_SCHEMA_ENTRIES - last - kept.length;
    if (entry.schemaId === null || free > 1) kept.push(entry);
    else if (free === 1) kept.push({ ...entry, schemaId: null, level: 'warn', message: FULL, payload: null });
  }
  return kept;
}

/** Rows of one statement, and of its text in memory. */
const ROWS_PER_INSERT = 2_000;

/** As one value each: as parameters, thousands of rows cost more to write down than to store. */
async function insertEntries(
  db: StoreDatabase,
  entries: readonly (ConsoleRecord & { readonly executionId: string; readonly organizationId: string })[],
): Promise<ReadonlySet<number>> {
  const stored = new Set<number>();
  for (let first = 0; first < entries.length; first += ROWS_PER_INSERT) {
    const part = entries.slice(first, first + ROWS_PER_INSERT).map((entry) => ({
      execution_id: entry.executionId,
      organization_id: entry.organizationId,
      no: entry.no,
      schema_id: entry.schemaId,
      level: entry.level,
      message: entry.message,
      payload: entry.payload,
      created_at: entry.createdAt,
    }));
    const { rows } = await sql<{ no: number }>`
      INSERT INTO console_logs (execution_id, organization_id, no, schema_id, level, message, payload, created_at)
      SELECT execution_id, organization_id, no, schema_id, level, message, payload, created_at
      FROM jsonb_to_recordset(${JSON.stringify(part)}::jsonb) AS g(execution_id uuid, organization_id uuid, no integer,
        schema_id text, level text, message text, payload jsonb, created_at timestamptz)
      ON CONFLICT DO NOTHING RETURNING no`.execute(db);
    for (const { no } of rows) stored.add(no);
  }
  return stored;
}

/**
 * Lines in the order in which they came: those behind `after`, or without it the last ones.
 * @param page `schemaId` null = of all schemas and of the execution itself
 */
export async function listConsoleLogs(
  db: StoreDatabase,
  organizationId: string,
  executionId: string,
  page: { readonly limit: number; readonly after: number | null; readonly schemaId: string | null },
): Promise<{ readonly records: readonly ConsoleRecord[]; readonly hasMore: boolean }> {
  let query = db
    .selectFrom('consoleLogs')
    .select(['no', 'schemaId', 'level', 'message', 'payload', 'createdAt'])
    .where('organizationId', '=', organizationId)
    .where('executionId', '=', executionId);
  if (page.schemaId !== null) query = query.where('schemaId', '=', page.schemaId);
  if (page.after === null) {
    const newest = await query.orderBy('no', 'desc').limit(page.limit).execute();
    return { records: newest.reverse(), hasMore: false };
  }
  const rows = await query
    .where('no', '>', page.after)
    .orderBy(sql.ref('no'))
    .limit(page.limit + 1)
    .execute();
  return { records: rows.slice(0, page.limit), hasMore: rows.length > page.limit };
}
