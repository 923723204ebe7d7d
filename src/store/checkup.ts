import pg from 'pg';
import { SyncError } from '../core/index.ts';
import { isKeyOf, type MasterKeySource, readMasterKey } from './master-key.ts';
import { pendingOf, readMigrations } from './migrate.ts';
import { createSecretBox } from './secrets.ts';

/** What is found out about the metadata database without changing anything in it. */
export interface MetadataFacts {
  readonly serverVersion: string;
  readonly sizeBytes: number;
  /** How far the database's clock is ahead of this machine's, in milliseconds; within the time of one question. */
  readonly clockAheadMs: number;
  /** Row-level security does not bind a superuser. */
  readonly isSuperuser: boolean;
  /** Null: no server was ever started on it. */
  readonly installation: InstallationFacts | null;
}

export interface InstallationFacts {
  /** Why this program cannot work with it; null = it can. */
  readonly migrationProblem: string | null;
  /** Names of the files, such as `0009_many_workers.sql`. */
  readonly pendingMigrations: readonly string[];
  /** Its tables lack what the questions behind `key` are about, so these are answered by nothing. */
  readonly hasOldTables: boolean;
  readonly key: 'right' | 'wrong' | 'missing';
  readonly executions: number;
  readonly workers: readonly WorkerFacts[];
  readonly openExecutions: readonly OpenExecution[];
  readonly overdue: readonly OverdueSync[];
}

/** An active sync that a schedule should have started, and that does not run. */
export interface OverdueSync {
  readonly name: string;
  readonly seconds: number;
}

/** A worker that nobody has declared dead. */
export interface WorkerFacts {
  readonly host: string;
  readonly pid: number;
  readonly build: string;
  readonly silentSeconds: number;
}

/** An execution that has not ended. */
export interface OpenExecution {
  readonly id: string;
  readonly syncId: string;
  readonly syncName: string;
  readonly status: string;
  /** Since it was started or, once it works, since its youngest step began. */
  readonly quietSeconds: number;
  /** Steps that a worker has begun which is dead. */
  readonly lostSteps: number;
  /** Of the oldest source image that a living worker holds or reads in. */
  readonly snapshotSeconds: number | null;
  readonly generations: readonly { readonly schemaId: string; readonly generation: number }[];
}

/** A stored connection with its secrets opened. */
export interface StoredConnection {
  readonly id: string;
  readonly organizationId: string;
  readonly name: string;
  readonly type: string;
  readonly config: Readonly<Record<string, unknown>>;
}

/** Reads only, and migrates nothing, so it may look at a database that another version works with. */
export interface Checkup extends AsyncDisposable {
  readFacts(): Promise<MetadataFacts>;
  /** Empty when the key does not open their secrets. */
  listConnections(): Promise<readonly StoredConnection[]>;
  /** Ids of all syncs. */
  listSyncIds(): Promise<ReadonlySet<string>>;
}

/** Opens one session. @throws the driver's own error when the database cannot be opened */
export async function openCheckup(options: {
  readonly url: string;
  readonly masterKey: MasterKeySource;
}): Promise<Checkup> {
  const client = new pg.Client({
    connectionString: options.url,
    application_name: 'millrace doctor',
    connectionTimeoutMillis: 5_000,
    statement_timeout: 30_000,
  });
  client.on('error', () => {
    // A connection that breaks while idle: the next query reports it.
  });
  await client.connect();
  await client.query('SET default_transaction_read_only = on');
  return {
    readFacts: () => readFacts(client, options.masterKey),
    listConnections: () => listConnections(client, options.masterKey),
    listSyncIds: async () => {
      const { rows } = await client.query<{ id: string }>('SELECT id FROM bulk_syncs');
      return new Set(rows.map(({ id }) => id));
    },
    [Symbol.asyncDispose]: () => client.end(),
  };
}

async function readFacts(client: pg.Client, source: MasterKeySource): Promise<MetadataFacts> {
  const before = Date.now();
  const { rows } = await client.query<{
    version: string;
    bytes: string;
    now: string;
    superuser: boolean;
    installed: boolean;
  }>(
    `SELECT current_setting('server_version') AS version, pg_database_size(current_database()) AS bytes,
       (extract(epoch FROM clock_timestamp()) * 1000)::text AS now, current_setting('is_superuser') = 'on' AS superuser,
       to_regclass('schema_migrations') IS NOT NULL AND to_regclass('installation') IS NOT NULL AS installed`,
  );
  const after = Date.now();
  const [row] = rows;
  if (row === undefined) throw new SyncError('INTERNAL', 'A question without a table was answered by no row.');
  const now = Number(row.now);
  return {
    serverVersion: row.version,
    sizeBytes: Number(row.bytes),
    // Within the time of the question no skew can be told.
    clockAheadMs: now < before ? now - before : now > after ? now - after : 0,
    isSuperuser: row.superuser,
    installation: row.installed ? await readInstallation(client, source) : null,
  };
}

async function readInstallation(client: pg.Client, source: MasterKeySource): Promise<InstallationFacts | null> {
  const { rows } = await client.query<{ key_check: Buffer }>('SELECT key_check FROM installation');
  const [installation] = rows;
  if (installation === undefined) return null;
  const key = await readMasterKey(source);
  const migrations = await readMigrationState(client);
  return {
    ...migrations,
    key: key === undefined ? 'missing' : isKeyOf(key, installation.key_check) ? 'right' : 'wrong',
    ...(await readWork(client, migrations.pendingMigrations.length > 0)),
  };
}

type WorkFacts = Pick<InstallationFacts, 'hasOldTables' | 'executions' | 'workers' | 'openExecutions' | 'overdue'>;

async function readWork(client: pg.Client, isPending: boolean): Promise<WorkFacts> {
  try {
    return {
      hasOldTables: false,
      executions: await estimateExecutions(client),
      workers: await readWorkers(client),
      openExecutions: await readOpenExecutions(client),
      overdue: await readOverdue(client),
    };
  } catch (error) {
    if (!isPending || !isNotThere(error)) throw error;
    return { hasOldTables: true, executions: 0, workers: [], openExecutions: [], overdue: [] };
  }
}

/** A table or a column. */
function isNotThere(error: unknown): boolean {
  return error instanceof pg.DatabaseError && (error.code === '42P01' || error.code === '42703');
}

async function readMigrationState(
  client: pg.Client,
): Promise<Pick<InstallationFacts, 'migrationProblem' | 'pendingMigrations'>> {
  const { rows } = await client.query<{ number: number; checksum: string }>(
    'SELECT number, checksum FROM schema_migrations',
  );
  const applied = new Map(rows.map((row) => [row.number, row.checksum]));
  try {
    const pending = pendingOf(await readMigrations(), applied).map(({ name }) => name);
    return { migrationProblem: null, pendingMigrations: pending };
  } catch (error) {
    if (!(error instanceof SyncError)) throw error;
    return { migrationProblem: error.message, pendingMigrations: [] };
  }
}

/** The history may be long, so the planner's own estimate has to do. */
async function estimateExecutions(client: pg.Client): Promise<number> {
  const { rows } = await client.query<{ count: number }>(
    `SELECT greatest(reltuples, 0)::int AS count FROM pg_class WHERE oid = 'executions'::regclass`,
  );
  return rows[0]?.count ?? 0;
}

async function readWorkers(client: pg.Client): Promise<readonly WorkerFacts[]> {
  const { rows } = await client.query<WorkerFacts>(
    `SELECT host, pid, build, extract(epoch FROM now() - heartbeat_at)::float8 AS "silentSeconds"
     FROM workers WHERE dead_at IS NULL ORDER BY started_at`,
  );
  return rows;
}

async function readOpenExecutions(client: pg.Client): Promise<readonly OpenExecution[]> {
  const { rows } = await client.query<
    Omit<OpenExecution, 'generations'> & { generations: OpenExecution['generations'] }
  >(
    `SELECT e.id, e.sync_id AS "syncId", b.name AS "syncName", e.status,
       extract(epoch FROM now() - greatest(e.updated_at, steps.youngest))::float8 AS "quietSeconds", steps.lost AS "lostSteps",
       (SELECT extract(epoch FROM now() - min(opened_at))::float8 FROM execution_snapshots s
        WHERE s.execution_id = e.id AND s.closed_at IS NULL AND EXISTS (
          SELECT FROM workers w WHERE w.dead_at IS NULL AND (
            EXISTS (SELECT FROM snapshot_holders h WHERE h.execution_id = s.execution_id AND h.epoch = s.epoch AND h.worker_id = w.id)
            -- An old image is let go of, and held on by what reads in it.
            OR EXISTS (SELECT FROM execution_schemas x JOIN segments r USING (execution_id, schema_id, generation)
              WHERE x.execution_id = s.execution_id AND x.snapshot_epoch = s.epoch AND r.kind = 'read' AND r.state = 'owned'
                AND r.worker_id = w.id)))) AS "snapshotSeconds",
       (SELECT coalesce(json_agg(json_build_object('schemaId', schema_id, 'generation', generation)), '[]')
        FROM execution_schemas x WHERE x.execution_id = e.id AND generation IS NOT NULL) AS generations
     FROM executions e JOIN bulk_syncs b ON b.id = e.sync_id
     CROSS JOIN LATERAL (
       SELECT max(greatest(s.started_at, s.finished_at)) AS youngest,
         count(*) FILTER (WHERE s.state = 'owned' AND w.id IS NULL)::int AS lost
       FROM segments s LEFT JOIN workers w ON w.id = s.worker_id AND w.dead_at IS NULL WHERE s.execution_id = e.id) steps
     WHERE e.status IN ('created', 'scheduled', 'running', 'exporting', 'processing', 'canceling') ORDER BY e.created_at`,
  );
  return rows;
}

async function readOverdue(client: pg.Client): Promise<readonly OverdueSync[]> {
  const { rows } = await client.query<OverdueSync>(
    `SELECT b.name, extract(epoch FROM now() - min(s.due_at))::float8 AS seconds
     FROM bulk_sync_schedules s JOIN bulk_syncs b ON b.id = s.sync_id AND b.active
     WHERE s.due_at < now() AND NOT EXISTS (SELECT FROM executions e WHERE e.sync_id = b.id
       AND e.status IN ('created', 'scheduled', 'running', 'exporting', 'processing', 'canceling'))
     GROUP BY b.id ORDER BY 2 DESC LIMIT 100`,
  );
  return rows;
}

async function listConnections(client: pg.Client, source: MasterKeySource): Promise<readonly StoredConnection[]> {
  const key = await readMasterKey(source);
  const { rows: installation } = await client.query<{ key_check: Buffer }>('SELECT key_check FROM installation');
  const keyCheck = installation[0]?.key_check;
  if (key === undefined || keyCheck === undefined || !isKeyOf(key, keyCheck)) return [];
  const box = createSecretBox(key);
  const { rows } = await client.query<{
    id: string;
    organization_id: string;
    name: string;
    type: string;
    configuration: Record<string, unknown>;
    secrets: Buffer | null;
  }>(
    // Shared ones have no configuration of their own. An older database does not know of them.
    `SELECT id, organization_id, name, type, configuration, secrets FROM connections c
     WHERE to_jsonb(c) ->> 'parent_connection_id' IS NULL ORDER BY name, id`,
  );
  return rows.map(({ id, organization_id: organizationId, name, type, configuration, secrets }) => {
    const opened = secrets === null ? {} : box.unseal(secrets, { organizationId, connectionId: id });
    return { id, organizationId, name, type, config: { ...configuration, ...opened } };
  });
}
