import type { SnapshotRef, SourceSnapshot } from '../../../connector-kit/index.ts';
import { SyncError } from '../../../core/index.ts';
import type { Session } from '../client.ts';

/** Taken off the lower bound: a transaction's start is stamped a moment before other sessions can see it. */
const SLACK_SECONDS = 5;
/** Keeps a middlebox from forgetting the idle session that holds the snapshot. */
const PING_MS = 60_000;

const BEGIN = 'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY';
const ISO = `'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'`;
/** The same in every session that sees the same image of the same server start. */
const FINGERPRINT = `md5(txid_current_snapshot()::text || pg_postmaster_start_time()::text)`;

/**
 * The oldest start of a transaction that could still commit a value stamped before now. The clock is read by an
 * earlier statement: a transaction that begins between the two must not slip through.
 */
const OLDEST_START = `
  SELECT to_char((least($1::timestamptz, min(started)) - make_interval(secs => ${SLACK_SECONDS})) AT TIME ZONE 'UTC', ${ISO}) AS bound
  FROM (SELECT xact_start AS started FROM pg_stat_activity
          WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type IS DISTINCT FROM 'autovacuum worker'
        UNION ALL SELECT prepared FROM pg_prepared_xacts WHERE database = current_database()) open`;

const BLIND_SPOTS = `
  SELECT pg_is_in_recovery() AS replica,
    EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND usesysid IS NOT NULL
      AND NOT pg_has_role(usesysid, 'USAGE') AND NOT pg_has_role('pg_read_all_stats', 'USAGE')) AS hidden,
    EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND state = 'disabled') AS untracked`;

const IMAGE = `
  SELECT pg_export_snapshot() AS token, ${FINGERPRINT} AS fingerprint, to_char(clock_timestamp() AT TIME ZONE 'UTC', ${ISO}) AS taken,
    CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn()
      WHEN has_function_privilege('pg_current_wal_lsn()', 'EXECUTE') THEN pg_current_wal_lsn() END::text AS position`;

/** A snapshot held open by a session of its own. */
export class HeldSnapshot implements SourceSnapshot {
  readonly token: string;
  readonly position: SnapshotRef['position'];
  readonly lowerBound: SnapshotRef['lowerBound'];
  /** The session whose transaction is the snapshot; planning may read in it, one statement at a time. */
  readonly session: Session;
  readonly #ping: NodeJS.Timeout;
  readonly #letGo: () => Promise<void>;

  constructor(session: Session, ref: SnapshotRef, letGo: () => Promise<void>) {
    this.session = session;
    this.#letGo = letGo;
    this.token = ref.token;
    this.position = ref.position;
    this.lowerBound = ref.lowerBound;
    this.#ping = setInterval(() => ping(session), PING_MS);
    this.#ping.unref();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#ping);
    await this.#letGo();
  }
}

/** A session that is lost shows at the next read, as `SNAPSHOT_LOST`. */
function ping(session: Session): void {
  if (!session.isBusy) session.script('Holding the snapshot', 'SELECT 1', new AbortController().signal).catch(() => {});
}

/** Takes one consistent image. The session belongs to the snapshot from here on, whose end is `letGo`. */
export async function holdSnapshot(
  session: Session,
  letGo: () => Promise<void>,
  signal: AbortSignal,
): Promise<HeldSnapshot> {
  const lowerBound = await findLowerBound(session, signal);
  const action = 'Taking a snapshot';
  await session.script(action, BEGIN, signal);
  const [image] = await session.query(action, IMAGE, [], signal);
  const ref = {
    token: `${image?.token} ${image?.fingerprint}`,
    position: { position: image?.position ?? null, takenAt: image?.taken ?? '' },
    lowerBound,
  };
  return new HeldSnapshot(session, ref, letGo);
}

/** Sees and shares an image that another session holds, from here on without it. @throws `SNAPSHOT_LOST` */
export async function joinSnapshot(
  session: Session,
  snapshot: SnapshotRef,
  letGo: () => Promise<void>,
  signal: AbortSignal,
): Promise<HeldSnapshot> {
  await importSnapshot(session, snapshot.token, signal);
  const [row] = await session.query('Sharing a snapshot', 'SELECT pg_export_snapshot() AS token', [], signal);
  const [, fingerprint] = snapshot.token.split(' ');
  return new HeldSnapshot(session, { ...snapshot, token: `${row?.token} ${fingerprint}` }, letGo);
}

async function findLowerBound(session: Session, signal: AbortSignal): Promise<SnapshotRef['lowerBound']> {
  const action = 'Looking for open transactions';
  const [clock] = await session.query(action, 'SELECT clock_timestamp()::text AS now', [], signal);
  const [oldest] = await session.query(action, OLDEST_START, [clock?.now], signal);
  const [blind] = await session.query(action, BLIND_SPOTS, [], signal);
  const reasons = [
    ...(blind?.replica === 't'
      ? ['the server is a replica, which does not show the open transactions of its primary']
      : []),
    ...(blind?.hidden === 't' ? ['the user may not see other sessions (grant pg_read_all_stats)'] : []),
    ...(blind?.untracked === 't' ? ['a session runs with track_activities off'] : []),
  ];
  return {
    value: oldest?.bound ?? '',
    isExact: reasons.length === 0,
    reason: reasons.length === 0 ? 'no transaction that is still open began earlier' : reasons.join('; '),
  };
}

/** Lets a session see a snapshot that another one holds, until its transaction ends. @throws `SNAPSHOT_LOST` */
export async function importSnapshot(session: Session, token: string, signal: AbortSignal): Promise<void> {
  const [exported, fingerprint] = token.split(' ');
  await session.script('Beginning to read', BEGIN, signal);
  try {
    // The grammar takes no parameter here. Nothing but an identifier's characters gets through.
    await session.script(
      'Importing the snapshot',
      `SET TRANSACTION SNAPSHOT '${(exported ?? '').replace(/[^0-9A-F-]/g, '')}'`,
      signal,
    );
  } catch (error) {
    if (!(error instanceof SyncError) || !isGone(error)) throw error;
    throw await lost(session, error, signal);
  }
  // A restarted server counts its snapshots anew, so a name alone could be another image.
  const [row] = await session.query('Importing the snapshot', `SELECT ${FINGERPRINT} AS fingerprint`, [], signal);
  if (row?.fingerprint !== fingerprint) throw await lost(session, undefined, signal);
}

/** Invalid or unknown snapshot name, or one whose holder has ended. */
function isGone(error: SyncError): boolean {
  return ['22023', '42704', '55000'].includes(String(error.detail.sqlState ?? ''));
}

async function lost(session: Session, cause: unknown, signal: AbortSignal): Promise<SyncError> {
  const action = 'Importing the snapshot';
  await session.script(action, 'ROLLBACK', signal);
  const [row] = await session.query(action, 'SELECT pg_is_in_recovery() AS replica', [], signal);
  const onReplica =
    ' The server is a replica, which ends readers that are in the way of its primary’s changes: if this comes back, set hot_standby_feedback or raise max_standby_streaming_delay there.';
  return new SyncError(
    'SNAPSHOT_LOST',
    `The snapshot that the readers shared is gone, because the session that held it has ended. It is renewed.${row?.replica === 't' ? onReplica : ''}`,
    { cause },
  );
}
