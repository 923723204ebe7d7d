import { stat } from 'node:fs/promises';
import {
  exportCsv,
  type FileLease,
  holdImage,
  offerCsv,
  openReader,
  planDelta,
  proveImage,
  readFilesState,
  type Session,
  sampleRecords,
  toDeltaCondition,
} from '../../connector-kit/duckdb/index.ts';
import type {
  BulkSource,
  FormatOffer,
  MemoryCredit,
  ReadRequest,
  SegmentRange,
  SegmentRequest,
  SnapshotRef,
  SourceChunk,
  SourceSnapshot,
  TrackingPlan,
  TrackingRequest,
} from '../../connector-kit/index.ts';
import { type FieldDescription, isAbort, type SchemaDescription, SyncError } from '../../core/index.ts';
import { provePacked } from './packed.ts';
import type { Place } from './place.ts';
import { toFrom } from './reader.ts';
import { describeTable, toSchemaId } from './schema.ts';
import { planSegments, toValue } from './segments.ts';
import { type FileTable, listTables, type Reading } from './tables.ts';

/** Where and what a connection's files are. */
export interface FilesPlace extends Reading {
  readonly place: Place;
  readonly filesRoot: string;
  readonly credit: MemoryCredit;
}

/** The tables that each image of this thread holds, by token and schema id: files that came later are none of it. */
const tablesOfImages = new Map<string, ReadonlyMap<string, FileTable>>();

/** Reads files by a DuckDB in memory, which can open nothing outside the files root. */
export class FilesSource implements BulkSource, AsyncDisposable {
  readonly #at: FilesPlace;
  #opened: Promise<FileLease> | null = null;

  constructor(at: FilesPlace) {
    this.#at = at;
  }

  /** A table with a file that is none is left out, as long as there are others: it stops only those who want it. */
  async discover(signal: AbortSignal): Promise<readonly SchemaDescription[]> {
    const { schemas, broken } = await this.#lookAtAll(signal);
    if (schemas.length === 0 && broken[0] !== undefined) throw broken[0];
    return schemas;
  }

  /** @throws `FILE_INVALID` for the first file that cannot be read */
  async prove(signal: AbortSignal): Promise<void> {
    const { broken } = await this.#lookAtAll(signal);
    if (broken[0] !== undefined) throw broken[0];
  }

  async sample(schemaId: string, limit: number, signal: AbortSignal) {
    const table = (await this.#listTables()).find(({ name }) => toSchemaId(name) === schemaId);
    if (table === undefined)
      throw new SyncError('SOURCE_CHANGED', `The files of ${schemaId} are gone. Refresh the connection’s schemas.`);
    const reader = await this.#open();
    return reader.exclusive(
      `Sampling ${schemaId} in`,
      async (session) => {
        const { fields } = await describeTable(session, table, this.#at);
        return sampleRecords(session, fields, toFrom(table, this.#at, fields), limit);
      },
      signal,
    );
  }

  offer(fields: readonly FieldDescription[], asText?: ReadonlySet<string>): readonly FormatOffer[] {
    const offers = offerCsv(fields, asText);
    return this.#at.format === 'json' ? offers.map(declareFloats) : offers;
  }

  async openSnapshot(signal: AbortSignal): Promise<SourceSnapshot> {
    signal.throwIfAborted();
    const tables = await this.#listTables();
    const state = await readFilesState(tables.flatMap(({ files }) => files));
    const snapshot = holdImage(state, async () => {
      tablesOfImages.delete(snapshot.token);
    });
    tablesOfImages.set(snapshot.token, new Map(tables.map((table) => [toSchemaId(table.name), table])));
    return snapshot;
  }

  async planSegments(request: SegmentRequest, signal: AbortSignal): Promise<readonly SegmentRange[]> {
    const table = await this.#findTable(request.schema, request.snapshot);
    const { format } = this.#at;
    const sizes = await sizesOf(table.files);
    const reader = await this.#open();
    return reader.exclusive(
      `Measuring ${request.schema.id} in`,
      (session) => planSegments(session, table, format, sizes, request),
      signal,
    );
  }

  async planTracking(request: TrackingRequest, signal: AbortSignal): Promise<TrackingPlan> {
    const { schema, field, snapshot } = request;
    const from = toFrom(await this.#findTable(schema, snapshot), this.#at, ownFields(schema));
    const reader = await this.#open();
    const action = `Reading the highest ${field.id} of ${schema.id} in`;
    return reader.exclusive(action, (session) => planDelta(session, request, from), signal);
  }

  async *read(request: ReadRequest, signal: AbortSignal): AsyncGenerator<SourceChunk, void, undefined> {
    const { files, isPartitioned, records } = toValue(request.range);
    const table = { name: request.schema.name, files, isPartitioned };
    await proveImage(request.snapshot, files);
    const reader = await this.#open();
    const from = toFrom(table, this.#at, ownFields(request.schema), records);
    const where = request.from === null ? [] : [toDeltaCondition(request.from)];
    try {
      await provePacked(files, signal);
      yield* exportCsv(reader, request, { from, where, credit: this.#at.credit }, signal);
    } catch (error) {
      // What failed because a file is another one by now is no defect of the file.
      if (!isAbort(error)) await proveImage(request.snapshot, files);
      throw error;
    }
    await proveImage(request.snapshot, files);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const opened = this.#opened;
    this.#opened = null;
    // A failed opening has told its caller already.
    const reader = await opened?.catch(() => null);
    await reader?.[Symbol.asyncDispose]();
  }

  async #lookAtAll(signal: AbortSignal) {
    const schemas: SchemaDescription[] = [];
    const broken: SyncError[] = [];
    for (const table of await this.#listTables()) {
      const reader = await this.#open();
      const look = (session: Session) => describeTable(session, table, this.#at);
      await reader.exclusive(`Looking at ${table.name} in`, look, signal).then(
        (schema) => schemas.push(schema),
        (error: unknown) => {
          if (!(error instanceof SyncError) || error.code !== 'FILE_INVALID') throw error;
          broken.push(error);
        },
      );
    }
    return { schemas, broken };
  }

  #listTables(): Promise<readonly FileTable[]> {
    const { place, format, filesRoot } = this.#at;
    return listTables(place, format, filesRoot);
  }

  /** @throws `SNAPSHOT_LOST` also for a table that came after the image was made */
  async #findTable(schema: SchemaDescription, snapshot: SnapshotRef): Promise<FileTable> {
    const table = tablesOfImages.get(snapshot.token)?.get(schema.id);
    await proveImage(snapshot, table?.files ?? []);
    if (table !== undefined) return table;
    throw new SyncError(
      'SNAPSHOT_LOST',
      `The image of the files has no ${schema.id}, which came later. It is renewed.`,
    );
  }

  #open(): Promise<FileLease> {
    this.#opened ??= openReader(this.#at.filesRoot, this.#at.place.path).catch((error: unknown) => {
      this.#opened = null;
      throw error;
    });
    return this.#opened;
  }
}

async function sizesOf(files: readonly string[]): Promise<ReadonlyMap<string, number>> {
  return new Map(await Promise.all(files.map(async (file) => [file, (await stat(file)).size] as const)));
}

/** Without those that a user added, which no file has. */
function ownFields({ fields }: SchemaDescription): readonly FieldDescription[] {
  return fields.filter(({ userPath }) => userPath === undefined);
}

/** DuckDB, as most readers of JSON, takes a number with a fraction for a 64-bit float. */
function declareFloats(offer: FormatOffer): FormatOffer {
  const fields = offer.fields.map((field) =>
    field.logicalType.kind === 'float' ? { ...field, conversion: `${field.id}: JSON number as a 64-bit float` } : field,
  );
  return { ...offer, fields };
}
