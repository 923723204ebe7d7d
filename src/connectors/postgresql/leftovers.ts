import type { Leftover } from '../../connector-kit/index.ts';
import type { Session, TextRow } from './client.ts';
import { toScratchPrefix } from './destination/naming.ts';
import { hasState } from './destination/state.ts';
import { quoteTable, quoteText } from './sql.ts';

const SCRATCH = '^(__millrace_[0-9a-f]{24}_)([0-9]{1,18})$';

/**
 * What loads and sessions of ours have in this database, and replication slots that nobody reads. Looks only; whether
 * somebody still needs it is not known here.
 */
export async function findLeftovers(session: Session, signal: AbortSignal): Promise<readonly Leftover[]> {
  return [
    ...(await findTables(session, signal)),
    ...(await findSessions(session, signal)),
    ...(await findSlots(session, signal)),
  ];
}

async function findTables(session: Session, signal: AbortSignal): Promise<readonly Leftover[]> {
  const rows = await session.query(
    'Looking for scratch tables',
    `SELECT n.nspname, c.relname, (regexp_match(c.relname, $1))[1] AS prefix, (regexp_match(c.relname, $1))[2] AS generation
     FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind = 'r' AND c.relname > '__millrace_'::name AND c.relname < '__millracea'::name AND c.relname ~ $1
     ORDER BY 1, 2`,
    [SCRATCH],
    signal,
  );
  if (rows.length === 0) return [];
  const owners = await listOwners(session, signal);
  return rows.map((row) => {
    const table = quoteTable({ schema: row.nspname ?? '', name: row.relname ?? '' });
    const owner = owners.get(row.prefix ?? '');
    return {
      kind: 'table',
      name: table,
      load: owner === undefined ? null : { ...owner, generation: Number(row.generation) },
      executionId: null,
      ageSeconds: null,
      remedy: `DROP TABLE ${table}`,
    };
  });
}

/** A table's name tells a digest of its owner; every owner has a fence. */
async function listOwners(
  session: Session,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, { readonly syncId: string; readonly schemaId: string }>> {
  if (!(await hasState(session, signal))) return new Map();
  const rows = await session.query(
    'Reading the schema __millrace',
    'SELECT sync_id, schema_id FROM __millrace.fences',
    [],
    signal,
  );
  const owners = rows.map((row) => ({ syncId: row.sync_id ?? '', schemaId: row.schema_id ?? '' }));
  return new Map(owners.map((owner) => [toScratchPrefix(owner), owner]));
}

/** Other users' sessions show no name to a user who may not see them. */
async function findSessions(session: Session, signal: AbortSignal): Promise<readonly Leftover[]> {
  const rows = await session.query(
    'Looking for our own sessions',
    `SELECT pid, application_name, extract(epoch FROM now() - coalesce(xact_start, backend_start))::bigint AS age
     FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
       AND application_name ~ '^millrace [0-9a-f]{8}-' ORDER BY pid`,
    [],
    signal,
  );
  return rows.map((row) => ({
    kind: 'session',
    name: `session ${row.pid} (${row.application_name})`,
    load: null,
    executionId: (row.application_name ?? '').split(' ')[1] ?? null,
    ageSeconds: Number(row.age),
    remedy: `SELECT pg_terminate_backend(${row.pid})`,
  }));
}

async function findSlots(session: Session, signal: AbortSignal): Promise<readonly Leftover[]> {
  const rows = await session.query(
    'Looking at replication slots',
    `SELECT slot_name, CASE WHEN pg_is_in_recovery() THEN NULL ELSE pg_size_pretty(pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)) END AS kept
     FROM pg_replication_slots WHERE NOT active AND NOT temporary ORDER BY 1`,
    [],
    signal,
  );
  return rows.map((row: TextRow) => ({
    kind: 'slot',
    name: `replication slot ${row.slot_name}${row.kept === null ? '' : ` (holds back ${row.kept} of log)`}`,
    load: null,
    executionId: null,
    ageSeconds: null,
    remedy: `SELECT pg_drop_replication_slot(${quoteText(row.slot_name ?? '')})`,
  }));
}
