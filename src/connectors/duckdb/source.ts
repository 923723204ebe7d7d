import { existsSync } from 'node:fs';
import {
  exportCsv,
  holdImage,
  offerCsv,
  planDelta,
  proveImage,
  readFilesState,
  sampleRecords,
} from '../../connector-kit/duckdb/index.ts';
import type {
  BulkSource,
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
import type { FileLeases } from './leases.ts';
import { discoverSchemas } from './schema.ts';
import { toTable } from './schema-id.ts';
import { planSegments, toConditions } from './source/segments.ts';

/**
 * Reads tables and views of one database file. As long as an image of it is held, the file is open read-only here and
 * nobody can write it: neither another process nor another sync of this one.
 */
export class DuckdbSource implements BulkSource {
  readonly #path: string;
  readonly #leases: FileLeases;
  readonly #credit: MemoryCredit;

  constructor(path: string, leases: FileLeases, credit: MemoryCredit) {
    this.#path = path;
    this.#leases = leases;
    this.#credit = credit;
  }

  /** A file that a first load has yet to make holds no tables. */
  async discover(signal: AbortSignal): Promise<readonly SchemaDescription[]> {
    if (!existsSync(this.#path)) return [];
    const lease = await this.#leases.get('look');
    return lease.exclusive('Reading the tables of', discoverSchemas, signal);
  }

  async sample(schemaId: string, limit: number, signal: AbortSignal) {
    const schema = (await this.discover(signal)).find(({ id }) => id === schemaId);
    if (schema === undefined)
      throw new SyncError(
        'SOURCE_CHANGED',
        `${schemaId} is gone from ${this.#path}. Refresh the connection’s schemas.`,
      );
    const lease = await this.#leases.get('look');
    return await lease.exclusive(
      `Sampling ${schemaId} of`,
      (session) => sampleRecords(session, schema.fields, toTable(schemaId), limit),
      signal,
    );
  }

  offer(fields: readonly FieldDescription[], asText?: ReadonlySet<string>) {
    return offerCsv(fields, asText);
  }

  async openSnapshot(signal: AbortSignal): Promise<SourceSnapshot> {
    signal.throwIfAborted();
    await this.#leases.get('read');
    return holdImage(await this.#readState(), () => this.#leases.drop('read'));
  }

  async planSegments(request: SegmentRequest, signal: AbortSignal): Promise<readonly SegmentRange[]> {
    const lease = await this.#leaseImage(request.snapshot);
    const action = `Measuring ${request.schema.id} of`;
    return lease.exclusive(action, (session) => planSegments(session, request), signal);
  }

  async planTracking(request: TrackingRequest, signal: AbortSignal): Promise<TrackingPlan> {
    const { schema, field, snapshot } = request;
    const lease = await this.#leaseImage(snapshot);
    const action = `Reading the highest ${field.id} of ${schema.id} of`;
    return lease.exclusive(action, (session) => planDelta(session, request, toTable(schema.id)), signal);
  }

  async *read(request: ReadRequest, signal: AbortSignal): AsyncGenerator<SourceChunk, void, undefined> {
    const lease = await this.#leaseImage(request.snapshot);
    const query = { from: toTable(request.schema.id), where: toConditions(request), credit: this.#credit };
    try {
      yield* exportCsv(lease, request, query, signal);
    } catch (error) {
      // What failed because the file is another one by now is no defect of the file.
      if (!isAbort(error)) await this.#leaseImage(request.snapshot);
      throw error;
    }
    await this.#leaseImage(request.snapshot);
  }

  /** @throws `SNAPSHOT_LOST` */
  async #leaseImage(snapshot: SnapshotRef) {
    try {
      await proveImage(snapshot, this.#files());
    } catch (error) {
      // Whoever renews the image must not be given the file that is open still.
      await this.#leases.drop('read');
      throw error;
    }
    return this.#leases.get('read');
  }

  #readState() {
    return readFilesState(this.#files());
  }

  /** What is committed stands in the log before it gets into the database. */
  #files(): readonly string[] {
    return [this.#path, `${this.#path}.wal`];
  }
}
