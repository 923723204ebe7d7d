import { rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import {
  type CollectedRecords,
  CollectedSegment,
  type FileLease,
  type RefusedRecord,
  type Session,
} from '../../../connector-kit/duckdb/index.ts';
import type {
  ConnectorContext,
  LoadPlan,
  SegmentId,
  SegmentOutcome,
  SegmentWriter,
} from '../../../connector-kit/index.ts';
import type { Chunk } from '../../../formats/index.ts';
import { onDisk, syncToDisk } from './durable-files.ts';
import { type GenerationPlace, generationOf, partName, type TablePlace } from './layout.ts';
import { writePart } from './part-files.ts';
import type { PartFormat } from './part-format.ts';
import { holdToken, writeOutcome } from './table-state.ts';
import { inTokenTurn } from './token-turns.ts';

export interface SegmentParts {
  readonly lease: FileLease;
  readonly place: TablePlace;
  readonly plan: LoadPlan;
  readonly segment: SegmentId;
  readonly isolate: boolean;
  readonly format: PartFormat;
  readonly failpoint: ConnectorContext['failpoint'];
}

/** Collects a segment's chunks, of which DuckDB then makes one file. */
export class ParquetSegmentWriter implements SegmentWriter {
  readonly #parts: SegmentParts;
  readonly #generation: GenerationPlace;
  readonly #collected: CollectedSegment;
  readonly #path: string;
  #mayBeCommitted = false;

  constructor(parts: SegmentParts) {
    this.#parts = parts;
    const { place, plan, segment, lease, isolate, format } = parts;
    this.#generation = generationOf(place, plan);
    const name = partName(this.#generation, segment, format);
    this.#collected = new CollectedSegment(lease, plan, { name: `${plan.executionId}-${name}`, isolate });
    this.#path = join(this.#generation.folder, name);
  }

  write(chunk: Chunk, signal: AbortSignal): Promise<readonly RefusedRecord[]> {
    return this.#collected.add(chunk, signal);
  }

  async commit(outcome: SegmentOutcome, signal: AbortSignal): Promise<void> {
    const { lease, place, plan, segment, failpoint } = this.#parts;
    const action = `Loading ${plan.schemaId} into`;
    const load = (session: Session) => this.#collected.load((records) => this.#writePart(session, records));
    await onDisk(action, place.folder, async () => {
      await lease.exclusive(action, load, signal);
      // While the disk takes it, the next segment's file is being made.
      if (this.#collected.records > 0) await this.#flush();
      failpoint('parquet-before-commit');
      signal.throwIfAborted();
      await inTokenTurn(place, async () => {
        await holdToken(place, plan, segment);
        this.#mayBeCommitted = true;
        await writeOutcome(this.#generation, segment, outcome, this.#fileName());
      });
    });
    failpoint('parquet-after-commit');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#collected[Symbol.asyncDispose]();
    if (!this.#mayBeCommitted) await rm(this.#path, { force: true });
  }

  async #writePart(session: Session, records: CollectedRecords | null): Promise<void> {
    if (records === null) return;
    records.assertAll(
      await writePart(session, this.#parts.plan, { path: this.#path, format: this.#parts.format }, records),
    );
  }

  async #flush(): Promise<void> {
    await syncToDisk(this.#path);
    await syncToDisk(this.#generation.folder);
  }

  #fileName(): string | null {
    return this.#collected.records === 0 ? null : basename(this.#path);
  }
}
