import { type FileHandle, open, rm } from 'node:fs/promises';
import { SyncError } from '../../core/index.ts';
import type { Chunk } from '../../formats/index.ts';
import { toSyncError } from './errors.ts';
import type { CsvFile } from './read-csv.ts';

/** Found by loading ever longer cells at the memory limit: the buffers of a record and of its block must fit side by side. */
const MAX_RECORD_BYTES = 16 * 1024 * 1024;

/** Stands behind dates before the year 1, which DuckDB's own casts overlook. */
const BEFORE_CHRIST = Buffer.from('BC');
const FIELD_ENDS_WITH_ERA = /^\d BC[,\n]$/;

/** The records of one segment, in a csv file beside the database until they are committed. */
export class SegmentFile implements CsvFile, AsyncDisposable {
  readonly path: string;
  #handle: FileHandle | null = null;
  #records = 0;
  #longestRecord = 0;
  #mayHoldEras = false;

  constructor(path: string) {
    this.path = path;
  }

  get records(): number {
    return this.#records;
  }

  get longestRecord(): number {
    return this.#longestRecord;
  }

  /** False when no date in the file can lie before the year 1. */
  get mayHoldEras(): boolean {
    return this.#mayHoldEras;
  }

  /** @throws `RECORD_TOO_LARGE`, `DISK_FULL` */
  async append(chunk: Chunk): Promise<void> {
    if (chunk.ends.length === 0) return;
    this.#longestRecord = Math.max(this.#longestRecord, longestOf(chunk));
    this.#mayHoldEras ||= holdsEra(chunk);
    try {
      this.#handle ??= await open(this.path, 'w');
      await writeAll(this.#handle, chunk.payload);
    } catch (error) {
      throw toSyncError(error, 'Writing', this.path);
    }
    this.#records += chunk.ends.length;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#handle?.close();
    this.#handle = null;
    await rm(this.path, { force: true });
  }
}

/** Text may look the same; then the segment is read the careful way for nothing. */
function holdsEra({ payload }: Chunk): boolean {
  const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
  for (let at = bytes.indexOf(BEFORE_CHRIST); at >= 0; at = bytes.indexOf(BEFORE_CHRIST, at + 2)) {
    if (FIELD_ENDS_WITH_ERA.test(bytes.toString('latin1', Math.max(at - 2, 0), at + 3))) return true;
  }
  return false;
}

async function writeAll(handle: FileHandle, payload: Uint8Array): Promise<void> {
  for (let at = 0; at < payload.byteLength; ) {
    at += (await handle.write(payload, at, payload.byteLength - at)).bytesWritten;
  }
}

function longestOf(chunk: Chunk): number {
  let longest = 0;
  let start = 0;
  for (const end of chunk.ends) {
    longest = Math.max(longest, end - start);
    start = end;
  }
  if (longest > MAX_RECORD_BYTES) throw tooLarge(longest);
  return longest;
}

function tooLarge(bytes: number): SyncError {
  return new SyncError(
    'RECORD_TOO_LARGE',
    `Loading into DuckDB stopped at a record of ${bytes} bytes of csv: ${MAX_RECORD_BYTES} is the most. Leave the large field out of the sync.`,
  );
}
