import { randomUUID } from 'node:crypto';
import { CamelCasePlugin, Kysely, PostgresDialect } from 'kysely';
import pg from 'pg';
import type { StoreDatabase } from '../../src/store/index.ts';
import { createTestPool, type TestDatabase } from './databases.ts';

/** A metadata database with a long past: some syncs, each with many executions that ended. */
export interface History extends AsyncDisposable {
  readonly organizationId: string;
  readonly syncIds: readonly string[];
  /** Runs one statement. */
  sql(text: string, values?: readonly unknown[]): Promise<Record<string, unknown>[]>;
  /** Plans of every statement that `work` sends. Changes are rolled back. */
  explain(work: (db: StoreDatabase) => Promise<unknown>): Promise<readonly string[]>;
}

export interface HistorySize {
  readonly syncs: number;
  readonly executionsPerSync: number;
}

const ORGANIZATION = `INSERT INTO organizations (id, name) VALUES ($1, 'history')`;

const CONNECTION = `INSERT INTO connections (id, organization_id, name, type, configuration, status, created_by_type, updated_by_type)
  VALUES ($2, $1, 'both', 'postgresql', '{}', 'healthy', 'system', 'system')`;

const SYNCS = `INSERT INTO bulk_syncs (id, organization_id, name, mode, source_connection_id, destination_connection_id,
    destination_configuration, automatically_add_new_fields, automatically_add_new_objects, normalize_names,
    created_by_type, updated_by_type)
  SELECT id, $1, 'sync ' || no, 'replicate', $2, $2, '{}', 'all', 'none', 'enabled', 'system', 'system'
  FROM unnest($3::uuid[]) WITH ORDINALITY AS syncs (id, no)`;

/** One a day, the newest today; of ten, eight completed with a receipt. */
const EXECUTIONS = `INSERT INTO executions (id, organization_id, sync_id, status, created_by_type, created_at, started_at,
    completed_at, updated_at, receipt)
  SELECT gen_random_uuid(), $1, id, CASE no % 10 WHEN 0 THEN 'failed' WHEN 1 THEN 'errors' ELSE 'completed' END, 'system',
    at, at, at + interval '1 minute', at + interval '1 minute', CASE WHEN no % 10 > 1 THEN '{"verdict": "equal"}'::jsonb END
  FROM unnest($2::uuid[]) AS syncs (id), generate_series(0, $3::int - 1) AS no,
    LATERAL (SELECT now() - no * interval '1 day' - interval '10 minutes' AS at) AS times`;

const PARTS = [
  `INSERT INTO execution_schemas (execution_id, schema_id, organization_id, position, status, generation, completed_at)
   SELECT id, 'public.items', organization_id, 0, 'completed', 1, completed_at FROM executions`,
  `INSERT INTO segments (execution_id, schema_id, generation, no, kind, state)
   SELECT id, 'public.items', 1, no, (ARRAY['prepare', 'read', 'finish'])[no + 1], 'done' FROM executions, generate_series(0, 2) no`,
  `INSERT INTO console_logs (execution_id, no, organization_id, level, message, created_at)
   SELECT id, 1, organization_id, 'info', 'Ended as completed; receipt: equal.', created_at FROM executions`,
];

/** Fills a migrated, empty metadata database, and lets PostgreSQL look at it as autovacuum would. */
export async function fillHistory(database: TestDatabase, size: HistorySize): Promise<History> {
  const { ownerUrl: url, url: superuserUrl } = database;
  const pool = createTestPool(url);
  const [organizationId, connectionId] = [randomUUID(), randomUUID()];
  const syncIds = Array.from({ length: size.syncs }, () => randomUUID());
  await pool.query(ORGANIZATION, [organizationId]);
  await pool.query(CONNECTION, [organizationId, connectionId]);
  await pool.query(SYNCS, [organizationId, connectionId, syncIds]);
  await fillFast(superuserUrl, [
    { text: EXECUTIONS, values: [organizationId, syncIds, size.executionsPerSync] },
    ...PARTS.map((text) => ({ text, values: [] })),
  ]);
  return {
    organizationId,
    syncIds,
    sql: async (text, values = []) => (await pool.query(text, [...values])).rows,
    explain: (work) => explain(url, work),
    [Symbol.asyncDispose]: () => pool.end(),
  };
}

/** Without looking up what each row refers to: half of the time would go there. */
async function fillFast(
  url: string,
  statements: readonly { readonly text: string; readonly values: unknown[] }[],
): Promise<void> {
  const client = new pg.Client(url);
  await client.connect();
  try {
    await client.query('SET session_replication_role = replica; SET synchronous_commit = off');
    for (const { text, values } of statements) await client.query(text, values);
    await client.query('VACUUM ANALYZE');
  } finally {
    await client.end();
  }
}

class RolledBack extends Error {}

/** Runs the work in a transaction that is rolled back, then asks for the plan of each of its statements. */
async function explain(url: string, work: (db: StoreDatabase) => Promise<unknown>): Promise<readonly string[]> {
  const statements: { readonly sql: string; readonly parameters: readonly unknown[] }[] = [];
  const pool = createTestPool(url, 1);
  const db: StoreDatabase = new Kysely({
    dialect: new PostgresDialect({ pool }),
    plugins: [new CamelCasePlugin({ maintainNestedObjectKeys: true })],
    log: ({ query }) => void statements.push(query),
  });
  try {
    await db
      .transaction()
      .execute(async (transaction) => {
        await work(transaction);
        throw new RolledBack();
      })
      .catch((error: unknown) => {
        if (!(error instanceof RolledBack)) throw error;
      });
    const plans: string[] = [];
    for (const { sql, parameters } of statements.filter((statement) => !/^(begin|rollback)/i.test(statement.sql))) {
      const { rows } = await pool.query<{ 'QUERY PLAN': string }>(`EXPLAIN ${sql}`, [...parameters]);
      plans.push(rows.map((row) => row['QUERY PLAN']).join('\n'));
    }
    return plans;
  } finally {
    await db.destroy();
  }
}
