import type {
  ConnectorContext,
  LoadPlan,
  SegmentId,
  SegmentOutcome,
  SegmentWriter,
} from '../../../connector-kit/index.ts';
import { SyncError } from '../../../core/index.ts';
import type { Chunk } from '../../../formats/index.ts';
import { toSegmentName } from '../client/work-name.ts';
import type { CopyTarget, Session } from '../client.ts';
import type { SessionPool } from '../sessions.ts';
import { quoteTable } from '../sql.ts';
import type { Names } from './naming.ts';
import { fenceLost, takeOver } from './state.ts';

/** What a writer needs to know of its load. */
export interface WriterScene {
  readonly plan: LoadPlan;
  readonly names: Names;
  readonly pool: SessionPool;
  readonly context: Pick<ConnectorContext, 'failpoint'>;
}

/** What COPY is told of a wire format. */
export const COPY_OPTIONS = { 'pgcopy-binary': 'FORMAT binary', csv: 'FORMAT csv' } as const;

type Refused = Awaited<ReturnType<SegmentWriter['write']>>;

/** Claims the segment for this session and opens its transaction. @throws `FENCE_LOST` */
export async function beginWriter(
  scene: WriterScene,
  segment: SegmentId,
  isolate: boolean,
  signal: AbortSignal,
): Promise<SegmentWriter> {
  const session = await scene.pool.acquire(signal);
  try {
    await claim(session, scene.plan, segment, signal);
    await session.script('Beginning a segment', `BEGIN; ${toSegmentName(session.name, segment)}`, signal);
    const { scratch, columns } = scene.names;
    const copySql = `COPY ${scratch} (${columns.join(', ')}) FROM STDIN (${COPY_OPTIONS[scene.plan.format]})`;
    return isolate
      ? new IsolatingWriter(scene, segment, session, copySql)
      : new StreamingWriter(scene, segment, session, copySql);
  } catch (error) {
    session.destroy();
    throw error;
  }
}

/** The token is raised before any data is sent, and the session of the segment's earlier owner is ended. */
async function claim(session: Session, plan: LoadPlan, segment: SegmentId, signal: AbortSignal): Promise<void> {
  const action = `Claiming segment ${segment.no} of ${quoteTable(plan.table)}`;
  const key = [plan.syncId, plan.schemaId, plan.generation, segment.no];
  const [before] = await session.query(
    action,
    `SELECT pid, backend_start FROM __millrace.segments
     WHERE sync_id = $1 AND schema_id = $2 AND generation = $3 AND segment = $4 AND committed IS NULL AND token <= $5`,
    [...key, segment.token],
    signal,
  );
  const earlier = before === undefined ? null : { pid: before.pid ?? '', startedAt: before.backend_start ?? '' };
  const statement = () =>
    session.execute(
      action,
      `INSERT INTO __millrace.segments AS s (sync_id, schema_id, generation, segment, token, pid, backend_start)
       SELECT sync_id, schema_id, generation, $4, $5, $6, $7 FROM __millrace.fences WHERE sync_id = $1 AND schema_id = $2 AND generation = $3
       ON CONFLICT (sync_id, schema_id, generation, segment) DO UPDATE
         SET token = excluded.token, pid = excluded.pid, backend_start = excluded.backend_start
         WHERE s.committed IS NULL AND s.token <= excluded.token`,
      [...key, segment.token, session.pid, session.startedAt],
      signal,
    );
  if ((await takeOver(session, earlier, statement, signal)) === 0) throw fenceLost(plan);
}

/** What both kinds of writer share: the end of the transaction. */
abstract class Writer implements SegmentWriter {
  protected readonly scene: WriterScene;
  protected readonly session: Session;
  protected readonly copySql: string;
  readonly #segment: SegmentId;
  #isOver = false;

  constructor(scene: WriterScene, segment: SegmentId, session: Session, copySql: string) {
    this.scene = scene;
    this.#segment = segment;
    this.session = session;
    this.copySql = copySql;
  }

  protected get action(): string {
    return `Writing segment ${this.#segment.no} of ${quoteTable(this.scene.plan.table)}`;
  }

  abstract write(chunk: Chunk, signal: AbortSignal): Promise<Refused>;
  /** Ends a COPY that is under way. */
  protected abstract endCopy(signal: AbortSignal): Promise<void>;

  async commit(outcome: SegmentOutcome, signal: AbortSignal): Promise<void> {
    const { plan, context, pool } = this.scene;
    await this.endCopy(signal);
    context.failpoint('postgresql:segment-written');
    // The last statement: whoever took the segment or the table over meanwhile makes it touch no row.
    const committed = await this.session.execute(
      this.action,
      `UPDATE __millrace.segments s SET committed = $6 FROM __millrace.fences f
       WHERE s.sync_id = $1 AND s.schema_id = $2 AND s.generation = $3 AND s.segment = $4 AND s.token = $5 AND s.committed IS NULL
         AND f.sync_id = $1 AND f.schema_id = $2 AND f.generation = $3`,
      [plan.syncId, plan.schemaId, plan.generation, this.#segment.no, this.#segment.token, JSON.stringify(outcome)],
      signal,
    );
    if (committed === 0) throw fenceLost(plan);
    context.failpoint('postgresql:segment-fenced');
    await this.session.script(this.action, 'COMMIT', signal);
    this.#isOver = true;
    context.failpoint('postgresql:segment-committed');
    await pool.release(this.session);
  }

  /** Without commit nothing has happened. The session may stand in the middle of a COPY, so it is not kept. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#isOver) this.session.destroy();
    this.#isOver = true;
  }
}

/** One COPY for the whole segment: the fast path. */
class StreamingWriter extends Writer {
  #copy: CopyTarget | null = null;

  async write(chunk: Chunk, signal: AbortSignal): Promise<Refused> {
    this.#copy ??= await this.session.copyIn(this.action, this.copySql, this.scene.plan.format, signal);
    await this.#copy.write(chunk, signal);
    return [];
  }

  protected async endCopy(signal: AbortSignal): Promise<void> {
    await this.#copy?.end(signal);
  }
}

/** One COPY per part of a chunk, each behind a savepoint; a refused part is halved until one record is left. */
class IsolatingWriter extends Writer {
  async write(chunk: Chunk, signal: AbortSignal): Promise<Refused> {
    const refused: { readonly index: number; readonly reason: string }[] = [];
    const parts: [number, number][] = [[0, chunk.ends.length]];
    for (let part = parts.pop(); part !== undefined; part = parts.pop()) {
      const [from, to] = part;
      const error = await this.#tryPart(chunk, from, to, signal);
      if (error === null) continue;
      const middle = (from + to) >> 1;
      if (middle === from) refused.push({ index: from, reason: toReason(error) });
      else parts.push([middle, to], [from, middle]);
    }
    return refused;
  }

  protected async endCopy(): Promise<void> {}

  /** The refusal, or null when the records landed. */
  async #tryPart(chunk: Chunk, from: number, to: number, signal: AbortSignal): Promise<SyncError | null> {
    const start = from === 0 ? 0 : (chunk.ends[from - 1] ?? 0);
    const payload = chunk.payload.subarray(start, chunk.ends[to - 1] ?? start);
    await this.session.script(this.action, 'SAVEPOINT part', signal);
    try {
      const copy = await this.session.copyIn(this.action, this.copySql, this.scene.plan.format, signal);
      await copy.write({ payload }, signal);
      await copy.end(signal);
      await this.session.script(this.action, 'RELEASE SAVEPOINT part', signal);
      return null;
    } catch (error) {
      if (!(error instanceof SyncError) || error.code !== 'RECORD_REFUSED') throw error;
      await this.session.script(this.action, 'ROLLBACK TO SAVEPOINT part', signal);
      return error;
    }
  }
}

/** What the destination said of the record, without its values. */
function toReason(error: SyncError): string {
  return typeof error.detail.reason === 'string' ? error.detail.reason : error.message;
}
