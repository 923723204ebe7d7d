import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { SyncError } from '../../../core/index.ts';
import { RecordCutter } from '../../../formats/index.ts';
import type { CreditShare, MemoryCredit } from '../../memory-credit.ts';
import type { ReadRequest, SourceChunk } from '../../source.ts';
import { DUCKDB, toFilterCondition } from '../../sql/index.ts';
import { toSyncError } from '../errors.ts';
import type { Session } from '../session.ts';
import { quoteText } from '../sql.ts';
import { toColumn, toWireText } from './field-values.ts';

/** Suits both sides: one system call each for many records, and small beside a pipeline's credit. */
const PIECE_BYTES = 512 * 1024;
/** A record longer than this would not fit any pipeline's memory. */
const MAX_RECORD_BYTES = 256 * 1024 * 1024;
/** Of a record that is read in pieces: what came before, the piece, and both together for ourselves and the next. */
const COPIES_OF_LONG_RECORD = 4;
const RATHER_LONG_BYTES = 4 * 1024 * 1024;

/** The DuckDB on which an export runs. */
export interface Exporter {
  /** Where the file with the records stands until they are read. */
  readonly folder: string;
  exclusive<T>(action: string, work: (session: Session) => Promise<T>, signal: AbortSignal): Promise<T>;
}

/** What an export reads: everything behind FROM, and the columns' own expressions where they are no names. */
export interface ExportQuery {
  readonly from: string;
  /** SQL conditions that all must hold, beside the request's filters. */
  readonly where: readonly string[];
  /** Asked for records that are longer than a piece; absent where they are known to be short. */
  readonly credit?: MemoryCredit;
}

let exported = 0;

/**
 * Sends records as `csv` that DuckDB writes, by way of a file as long as the segment: its writer uses all cores and our
 * thread never sees a value.
 * @throws `SOURCE_QUERY_FAILED` when an expression of the source fails for some record
 */
export async function* exportCsv(
  exporter: Exporter,
  request: ReadRequest,
  query: ExportQuery,
  signal: AbortSignal,
): AsyncGenerator<SourceChunk, void, undefined> {
  exported += 1;
  const path = join(exporter.folder, `segment-${exported}.csv`);
  try {
    await exporter
      .exclusive(`Reading ${request.schema.id} of`, (session) => session.run(toCopy(request, query, path)), signal)
      .catch((error: unknown) => {
        throw toSourceError(error, request);
      });
    yield* readChunks(path, query.credit, signal);
  } finally {
    await rm(path, { force: true });
  }
}

async function* readChunks(
  path: string,
  credit: MemoryCredit | undefined,
  signal: AbortSignal,
): AsyncGenerator<SourceChunk, void, undefined> {
  await using file = await open(path, 'r').catch((error: unknown) => {
    throw toSyncError(error, 'Reading', path);
  });
  const cutter = new RecordCutter(MAX_RECORD_BYTES);
  using room = new RoomForRecord(credit);
  while (true) {
    signal.throwIfAborted();
    await room.provide(cutter.pendingBytes, signal);
    // A long record is read in growing pieces, so that it is not copied again and again.
    const piece = new Uint8Array(Math.max(PIECE_BYTES, cutter.pendingBytes));
    const { bytesRead } = await file.read(piece, 0, piece.byteLength);
    if (bytesRead === 0) break;
    const chunk = cutter.feed(piece.subarray(0, bytesRead));
    if (chunk !== null) yield { chunk };
  }
  cutter.end();
}

/**
 * The share of a record whose length shows only at its end. It is exchanged once for one that holds whatever may come, and given
 * back before, so that nobody waits for another who waits as well.
 */
class RoomForRecord implements Disposable {
  readonly #credit: MemoryCredit | undefined;
  #share: CreditShare | null = null;
  #bytes = 0;

  constructor(credit: MemoryCredit | undefined) {
    this.#credit = credit;
  }

  async provide(pendingBytes: number, signal: AbortSignal): Promise<void> {
    if (pendingBytes <= PIECE_BYTES) return this[Symbol.dispose]();
    const bytes = pendingBytes <= RATHER_LONG_BYTES ? RATHER_LONG_BYTES : MAX_RECORD_BYTES;
    if (this.#bytes >= bytes) return;
    this[Symbol.dispose]();
    this.#share = (await this.#credit?.take(COPIES_OF_LONG_RECORD * bytes, signal)) ?? null;
    this.#bytes = bytes;
  }

  [Symbol.dispose](): void {
    this.#share?.release();
    this.#share = null;
    this.#bytes = 0;
  }
}

function toCopy(request: ReadRequest, { from, where }: ExportQuery, path: string): string {
  const columns = request.fields.map(({ id }) => toWireText(request.schema, id)).join(', ');
  const filtered = toFilterCondition(request.schema, request.filters, DUCKDB, (field) =>
    toColumn(request.schema, field),
  );
  const conditions = [...where, ...(filtered === null ? [] : [filtered])];
  const condition = conditions.length === 0 ? '' : ` WHERE ${conditions.join(' AND ')}`;
  // PostgreSQL before 17 takes an unquoted `\.` alone in a line for the end of the data.
  const quotes = request.fields.length === 1 ? ', FORCE_QUOTE *' : '';
  const options = `FORMAT csv, HEADER false, DELIM ',', QUOTE '"', ESCAPE '"', NULLSTR ''${quotes}`;
  return `COPY (SELECT ${columns} FROM ${from}${condition}) TO ${quoteText(path)} (${options})`;
}

/** A value that a view's own cast refuses is no record that the destination refused. */
function toSourceError(error: unknown, { schema }: ReadRequest): unknown {
  if (!(error instanceof SyncError) || (error.code !== 'RECORD_REFUSED' && error.code !== 'FORMAT_CORRUPT'))
    return error;
  const why =
    error.code === 'FORMAT_CORRUPT'
      ? `a line${toPlace(error)} has too many or too few fields, a quote without an end, or too many bytes. Mend the file.`
      : `DuckDB could not compute or convert a value of some record${toPlace(error)}. Mend it in the source, or leave the field out.`;
  return new SyncError('SOURCE_QUERY_FAILED', `Reading ${schema.id} stopped: ${why}`, { cause: error });
}

function toPlace({ detail }: SyncError): string {
  const file = typeof detail.file === 'string' ? detail.file : 'the file';
  return typeof detail.line === 'number' ? ` (line ${detail.line} of ${file})` : '';
}
