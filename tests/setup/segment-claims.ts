import { queryDatabase } from './databases.ts';
import { waitFor } from './millrace.ts';

/** A segment that a worker had begun when it was struck. */
export interface LostSegment {
  readonly schemaId: string;
  readonly generation: number;
  readonly no: number;
  readonly token: number;
}

/** What a worker had in hand at one moment of the metadata database's clock. */
export interface Loss {
  readonly executionId: string;
  readonly workerId: string;
  readonly at: string;
  readonly segments: readonly LostSegment[];
}

/** What became of a lost segment first. */
export interface Sequel {
  /** By the metadata database's clock. */
  readonly afterMs: number;
  /** Another worker claimed it; false = the lost one still brought it to its end. */
  readonly isElsewhere: boolean;
}

/** Keeps every claim with its time: a segment's row tells only of the latest. */
export async function recordClaims(metadataUrl: string): Promise<void> {
  await queryDatabase(
    metadataUrl,
    `CREATE TABLE observed_claims (execution_id uuid, schema_id text, generation bigint, no int, token int, worker_id uuid, state text,
       at timestamptz DEFAULT clock_timestamp());
     CREATE FUNCTION observe_claim() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$ BEGIN
       INSERT INTO observed_claims VALUES (new.execution_id, new.schema_id, new.generation, new.no, new.token, new.worker_id, new.state);
       RETURN NULL;
     END $$;
     CREATE TRIGGER observe_claim AFTER UPDATE OF token, state ON segments FOR EACH ROW EXECUTE FUNCTION observe_claim()`,
  );
}

/** What the worker of that process reads now and has read no more than so many bytes of; null = nothing. */
export async function findLoss(
  metadataUrl: string,
  executionId: string,
  { pid, maxBytes }: { readonly pid: number; readonly maxBytes: number },
): Promise<Loss | null> {
  const rows = await queryDatabase(
    metadataUrl,
    `SELECT w.id, clock_timestamp()::text, s.schema_id, s.generation::int, s.no, s.token
     FROM segments s JOIN workers w ON w.id = s.worker_id AND w.dead_at IS NULL
     WHERE s.execution_id = $1 AND s.state = 'owned' AND s.kind = 'read' AND w.pid = $2 AND s.progress_bytes <= $3`,
    [executionId, pid, maxBytes],
  );
  const segments = rows.map(([, , schemaId, generation, no, token]) => ({
    schemaId: String(schemaId),
    generation: Number(generation),
    no: Number(no),
    token: Number(token),
  }));
  return segments.length === 0
    ? null
    : { executionId, workerId: String(rows[0]?.[0]), at: String(rows[0]?.[1]), segments };
}

/** Waits until each lost segment was begun elsewhere, or ended all the same. */
export async function untilCarriedOn(metadataUrl: string, loss: Loss, signal: AbortSignal): Promise<readonly Sequel[]> {
  return Promise.all(loss.segments.map((segment) => waitFor(() => findSequel(metadataUrl, loss, segment), signal)));
}

async function findSequel(metadataUrl: string, loss: Loss, segment: LostSegment): Promise<Sequel | null> {
  const { schemaId, generation, no } = segment;
  const [row] = await queryDatabase(
    metadataUrl,
    `SELECT extract(epoch FROM at - $5::timestamptz) * 1000, worker_id <> $6 FROM observed_claims
     WHERE execution_id = $1 AND schema_id = $2 AND generation = $3 AND no = $4 AND at > $5::timestamptz
       AND (worker_id <> $6 AND state = 'owned' OR worker_id = $6 AND state = 'done') ORDER BY at LIMIT 1`,
    [loss.executionId, schemaId, generation, no, loss.at, loss.workerId],
  );
  return row === undefined ? null : { afterMs: Number(row[0]), isElsewhere: row[1] === true };
}

/** A session that a destination of PostgreSQL has noted as the writer of a segment. */
export interface SegmentSession {
  readonly segment: LostSegment;
  readonly token: number;
  readonly pid: number;
  readonly startedAt: string;
}

/** Who wrote these segments last, as the destination knows it; those that were not begun there are left out. */
export async function listWriters(
  destinationUrl: string,
  syncId: string,
  segments: readonly LostSegment[],
): Promise<readonly SegmentSession[]> {
  const rows = await queryDatabase(
    destinationUrl,
    `SELECT schema_id, generation::int, segment, token::int, pid, backend_start FROM __millrace.segments WHERE sync_id = $1`,
    [syncId],
  );
  return rows.flatMap(([schemaId, generation, no, token, pid, startedAt]) => {
    const segment = segments.find(
      (lost) => lost.schemaId === schemaId && lost.generation === generation && lost.no === no,
    );
    if (segment === undefined) return [];
    return [{ segment, token: Number(token), pid: Number(pid), startedAt: String(startedAt) }];
  });
}
