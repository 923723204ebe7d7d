import type {
  BulkSource,
  EstimateRequest,
  FormatOffer,
  OverwrittenTable,
  ReadRequest,
  SegmentRange,
  SegmentRequest,
  SnapshotRef,
  SourceChunk,
  SourceSnapshot,
  TrackingPlan,
  TrackingRequest,
  WriteRequest,
} from '../../connector-kit/index.ts';
import {
  type DatabaseIdentity,
  type Estimate,
  type FieldDescription,
  type SchemaDescription,
  SyncError,
} from '../../core/index.ts';
import { toSegmentName } from './client/work-name.ts';
import type { Session } from './client.ts';
import { identifyDatabase } from './identity.ts';
import { discoverSchemas } from './schema.ts';
import { fromSchemaId } from './schema-id.ts';
import type { SessionPool } from './sessions.ts';
import { estimateRead } from './source/estimate.ts';
import { findOverwritten } from './source/overwritten.ts';
import { toCopyStatement } from './source/read.ts';
import { sampleRecords } from './source/sample.ts';
import { isPart, planSegments, planSingleSegments } from './source/segments.ts';
import { type HeldSnapshot, holdSnapshot, importSnapshot, joinSnapshot } from './source/snapshot.ts';
import { hasLostRecords } from './source/table.ts';
import { planTracking, watchTracking } from './source/tracking.ts';
import { declareUserFields } from './source/user-fields.ts';
import { offerFormats } from './types.ts';

/** An idle reader keeps its locks and keeps VACUUM from cleaning up, so it waits for the next segment only this long. */
const IDLE_MS = 5_000;

/**
 * Ranges are read beside each other. A parallel plan for each would only be dearer, by a quarter where most records come
 * out: every one is handed from process to process.
 */
const WITHOUT_WORKERS = 'SET LOCAL max_parallel_workers_per_gather = 0';

/** Reads tables and views of one database. Sessions that have imported a snapshot are kept for its next segment. */
export class PostgresqlSource implements BulkSource, AsyncDisposable {
  readonly #pool: SessionPool;
  /** Idle, each in a transaction that sees the snapshot of `#token`. */
  readonly #readers: Session[] = [];
  #token = '';
  #held: HeldSnapshot | null = null;
  #idleTimer: NodeJS.Timeout | undefined;

  constructor(pool: SessionPool) {
    this.#pool = pool;
  }

  discover(signal: AbortSignal): Promise<readonly SchemaDescription[]> {
    return this.#pool.use(signal, (session) => discoverSchemas(session, signal));
  }

  identify(signal: AbortSignal): Promise<DatabaseIdentity> {
    return this.#pool.use(signal, (session) => identifyDatabase(session, signal));
  }

  findOverwritten(request: WriteRequest, signal: AbortSignal): Promise<readonly OverwrittenTable[]> {
    return this.#pool.use(signal, (session) => findOverwritten(session, request, signal));
  }

  sample(schemaId: string, limit: number, signal: AbortSignal): Promise<readonly Readonly<Record<string, unknown>>[]> {
    return this.#pool.use(signal, (session) => sampleRecords(session, schemaId, limit, signal));
  }

  offer(fields: readonly FieldDescription[], asText?: ReadonlySet<string>): readonly FormatOffer[] {
    return declareUserFields(offerFormats(fields, asText), fields);
  }

  openSnapshot(signal: AbortSignal): Promise<SourceSnapshot> {
    return this.#hold(signal, (session) => holdSnapshot(session, () => this.#letGo(session), signal));
  }

  joinSnapshot(snapshot: SnapshotRef, signal: AbortSignal): Promise<SourceSnapshot> {
    return this.#hold(signal, (session) => joinSnapshot(session, snapshot, () => this.#letGo(session), signal));
  }

  async #hold(signal: AbortSignal, begin: (session: Session) => Promise<HeldSnapshot>): Promise<SourceSnapshot> {
    const session = await this.#pool.acquire(signal);
    try {
      this.#held = await begin(session);
      this.#pool.setAside(session);
      return this.#held;
    } catch (error) {
      session.destroy();
      throw error;
    }
  }

  /** A snapshot ends with its readers. */
  async #letGo(holder: Session): Promise<void> {
    await this.#dropReaders();
    await this.#pool.close(holder);
  }

  planSegments(request: SegmentRequest, signal: AbortSignal): Promise<readonly SegmentRange[]> {
    return this.#inSnapshot(request.snapshot.token, signal, (session) => planSegments(session, request, signal));
  }

  planSingleSegments(
    requests: readonly SegmentRequest[],
    signal: AbortSignal,
  ): Promise<readonly (readonly SegmentRange[] | null)[]> {
    const token = requests[0]?.snapshot.token ?? '';
    return this.#inSnapshot(token, signal, (session) => planSingleSegments(session, requests, signal));
  }

  estimate(request: EstimateRequest, signal: AbortSignal): Promise<Estimate | null> {
    return this.#inSnapshot(request.snapshot.token, signal, (session) => estimateRead(session, request, signal));
  }

  planTracking(request: TrackingRequest, signal: AbortSignal): Promise<TrackingPlan> {
    return this.#inSnapshot(request.snapshot.token, signal, (session) => planTracking(session, request, signal));
  }

  async *read(request: ReadRequest, signal: AbortSignal): AsyncGenerator<SourceChunk, void, undefined> {
    const { token } = request.snapshot;
    const session = await this.#takeReader(token, signal, request.isAwaited);
    const action = `Reading ${request.schema.id}`;
    try {
      const watched = watchTracking(request);
      for await (const chunk of session.copyOut(action, toScript(session, request), request.format, signal)) {
        watched?.show(chunk);
        yield { chunk, highest: watched?.highest() };
      }
      if (await hasLostRecords(session, fromSchemaId(request.schema.id), signal)) throw rewritten(request);
      await this.#keepReader(session, token, signal);
    } catch (error) {
      // Its transaction is aborted or unfinished either way.
      session.destroy();
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const held = this.#held;
    this.#held = null;
    await held?.[Symbol.asyncDispose]();
    await this.#dropReaders();
  }

  /** Where this connector holds the snapshot itself, work runs in its own transaction. */
  async #inSnapshot<Result>(
    token: string,
    signal: AbortSignal,
    work: (session: Session) => Promise<Result>,
  ): Promise<Result> {
    if (this.#held?.token === token) return inSavepoint(this.#held.session, signal, work);
    const session = await this.#takeReader(token, signal);
    try {
      const result = await work(session);
      await this.#keepReader(session, token, signal);
      return result;
    } catch (error) {
      session.destroy();
      throw error;
    }
  }

  async #takeReader(token: string, signal: AbortSignal, isBrief = false): Promise<Session> {
    if (token !== this.#token) await this.#dropReaders();
    this.#token = token;
    const idle = this.#readers.pop();
    if (idle?.isUsable) return idle;
    const session = await this.#pool.acquire(signal, isBrief);
    try {
      await importSnapshot(session, token, signal);
      await session.script('Beginning to read', 'SAVEPOINT reading', signal);
      return session;
    } catch (error) {
      session.destroy();
      throw error;
    }
  }

  /** Lets go of the locks of what was read: a server has room for those of a few thousand tables. */
  async #keepReader(session: Session, token: string, signal: AbortSignal): Promise<void> {
    if (token !== this.#token || this.#pool.isTight) return this.#pool.close(session);
    await session.script('Going on in the snapshot', 'ROLLBACK TO SAVEPOINT reading', signal);
    this.#readers.push(session);
    clearTimeout(this.#idleTimer);
    this.#idleTimer = setTimeout(() => void this.#dropReaders(), IDLE_MS);
    this.#idleTimer.unref();
  }

  async #dropReaders(): Promise<void> {
    clearTimeout(this.#idleTimer);
    await Promise.all(this.#readers.splice(0).map((session) => this.#pool.close(session)));
  }
}

/** Settings go the same way as the statement: alone they would cost a round trip for each table. */
function toScript(session: Session, request: ReadRequest): string {
  const { segment, range } = request;
  return [
    ...(segment === undefined ? [] : [toSegmentName(session.name, segment)]),
    ...(isPart(range) ? [WITHOUT_WORKERS] : []),
    toCopyStatement(request),
  ].join('; ');
}

function rewritten({ schema }: ReadRequest): SyncError {
  return new SyncError(
    'SNAPSHOT_LOST',
    `${schema.id} was truncated, rewritten or dropped after the snapshot was taken, which does not show its records any more. It is renewed.`,
  );
}

/**
 * A failed statement would otherwise end the transaction, and with it the image of every reader. Locks are let go of: a
 * server has room for those of a few thousand tables.
 */
async function inSavepoint<Result>(
  session: Session,
  signal: AbortSignal,
  work: (session: Session) => Promise<Result>,
): Promise<Result> {
  if (!session.isUsable)
    throw new SyncError('SNAPSHOT_LOST', 'The session that held the snapshot has ended. It is renewed.');
  await session.script('Reading in the snapshot', 'SAVEPOINT planning', signal);
  const goOn = async (): Promise<void> => {
    const script = 'ROLLBACK TO SAVEPOINT planning; RELEASE SAVEPOINT planning';
    if (session.isUsable) await session.script('Going on in the snapshot', script, signal);
  };
  try {
    const result = await work(session);
    await goOn();
    return result;
  } catch (error) {
    await goOn();
    throw error;
  }
}
