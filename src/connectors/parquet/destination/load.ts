import type { FileLease, Session } from '../../../connector-kit/duckdb/index.ts';
import type {
  ConnectorContext,
  Load,
  LoadPlan,
  LossGuard,
  PublishCounts,
  SegmentId,
  SegmentRange,
  SegmentWriter,
} from '../../../connector-kit/index.ts';
import type { RangeSum } from '../../../core/index.ts';
import { onDisk } from './durable-files.ts';
import { generationOf, placeOf, type TablePlace } from './layout.ts';
import { completeParts, digestParts } from './part-files.ts';
import type { PartFormat } from './part-format.ts';
import { dropGenerations, prepareTable } from './prepare.ts';
import { findPublication, publishGeneration } from './publish.ts';
import { ParquetSegmentWriter } from './segment-writer.ts';
import { findOutcome, raiseToken } from './table-state.ts';
import { inTokenTurn } from './token-turns.ts';

export interface LoadParts {
  /** The connection's folder. */
  readonly root: string;
  readonly lease: () => Promise<FileLease>;
  readonly plan: LoadPlan;
  /** Of the files that it writes. */
  readonly format: PartFormat;
  readonly failpoint: ConnectorContext['failpoint'];
}

/** One schema's load into a folder of files. What DuckDB does for one connection's folder takes turns; segments begin beside that. */
export class ParquetLoad implements Load {
  readonly #parts: LoadParts;
  readonly #place: TablePlace;

  constructor(parts: LoadParts) {
    this.#parts = parts;
    this.#place = placeOf(parts.root, parts.plan.table);
  }

  prepare(signal: AbortSignal): Promise<void> {
    const prepare = () => inTokenTurn(this.#place, () => prepareTable(this.#place, this.#parts.plan));
    return this.#do('Preparing', prepare, signal);
  }

  async beginSegment(
    segment: SegmentId,
    { isolate }: { readonly isolate: boolean },
    signal: AbortSignal,
  ): Promise<SegmentWriter> {
    const { lease, plan, format, failpoint } = this.#parts;
    // The folder's lock, but no turn on it: others may be loading, and this one reads meanwhile.
    const held = await lease();
    signal.throwIfAborted();
    const raise = () => inTokenTurn(this.#place, () => raiseToken(this.#place, plan, segment));
    await onDisk(`Beginning a segment of ${plan.schemaId} in`, this.#place.folder, raise);
    return new ParquetSegmentWriter({
      lease: held,
      place: this.#place,
      plan,
      segment,
      isolate,
      format,
      failpoint,
    });
  }

  /** Never `unknown`: a segment is committed by one rename, which is there or is not. */
  lookup(segment: SegmentId, signal: AbortSignal): ReturnType<Load['lookup']> {
    const look = async () => {
      const outcome = await findOutcome(generationOf(this.#place, this.#parts.plan), segment.no);
      return outcome === null ? ({ state: 'absent' } as const) : ({ state: 'committed', outcome } as const);
    };
    return this.#do('Looking up a segment of', look, signal);
  }

  seal(signal: AbortSignal): Promise<void> {
    const { plan, format } = this.#parts;
    const complete = (session: Session) => completeParts(session, plan, generationOf(this.#place, plan), format);
    return this.#do('Completing the files of', complete, signal);
  }

  digest(range: SegmentRange | null, countsOnly: boolean, signal: AbortSignal): Promise<RangeSum> {
    const { plan } = this.#parts;
    const read = (session: Session) =>
      digestParts(session, plan, generationOf(this.#place, plan), { range, countsOnly });
    return this.#do('Hashing', read, signal);
  }

  published(signal: AbortSignal): Promise<PublishCounts | null> {
    return this.#do('Looking up the publication of', () => findPublication(this.#place, this.#parts.plan), signal);
  }

  publish(guard: LossGuard, signal: AbortSignal): Promise<PublishCounts> {
    const { plan, failpoint } = this.#parts;
    const publish = (session: Session) => publishGeneration(session, this.#place, plan, guard, failpoint);
    return this.#do('Publishing', publish, signal);
  }

  discard(signal: AbortSignal): Promise<void> {
    const { plan } = this.#parts;
    const drop = () => inTokenTurn(this.#place, () => dropGenerations(this.#place, plan, plan.generation));
    return this.#do('Clearing up after', drop, signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // The lock belongs to the connector; segments remove their own.
  }

  async #do<T>(verb: string, work: (session: Session) => Promise<T>, signal: AbortSignal): Promise<T> {
    const action = `${verb} ${this.#parts.plan.schemaId} in`;
    const lease = await this.#parts.lease();
    return onDisk(action, this.#place.folder, () => lease.exclusive(action, work, signal));
  }
}
