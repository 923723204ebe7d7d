import {
  type FieldDescription,
  matchesFilter,
  type RowFilter,
  readFilter,
  type SchemaDescription,
  SyncError,
  toFilterKind,
} from '../../core/index.ts';
import { createRowEncoder, type Row, type RowEncoder, readKey } from '../../formats/index.ts';
import type { CreditShare, MemoryCredit } from '../memory-credit.ts';
import type { Reject } from '../reject.ts';
import type { ReadRequest, SourceChunk } from '../source.ts';
import type { RowSystem } from './row-system.ts';
import { toChangedSince } from './tracking.ts';

const CHUNK_BYTES = 1024 * 1024;
const CHUNK_RECORDS = 65_536;
/** Refused records that are kept before they are handed on. */
const MAX_HELD_REJECTS = 1000;
/** A chunk beyond this was made by one long record. */
const LONG_BYTES = 4 * 1024 * 1024;
/** Of a long record: its values as columns, and their encoding, which may be twice as long. */
const COPIES_OF_LONG_RECORD = 3;
/** A record longer than this would not fit any pipeline's memory. */
const MAX_RECORD_BYTES = 256 * 1024 * 1024;

/** Reads a schema page by page, as chunks of the wire format that was asked for. @throws `RECORD_TOO_LARGE` */
export async function* readRows(
  system: RowSystem,
  request: ReadRequest,
  credit: MemoryCredit,
  signal: AbortSignal,
): AsyncGenerator<SourceChunk, void, undefined> {
  const { schema, fields, filters, from } = request;
  const encoder = createRowEncoder(request.format, fields);
  const asked = { schema, fields: fields.map(({ id }) => id), changedSince: toChangedSince(from) };
  const findFault = createFilter(schema, filters);
  const keyOf = createKeyReader(request);
  let rejects: Reject[] = [];
  for await (const page of system.readPages(asked, signal)) {
    signal.throwIfAborted();
    for (const row of page) {
      const fault = encoder.add(row) ?? findFault(row, encoder);
      if (fault !== null) rejects.push({ key: keyOf(row), reason: fault });
      if (!isFull(encoder) && rejects.length < MAX_HELD_REJECTS) continue;
      yield* hand(encoder, rejects, credit, signal);
      rejects = [];
    }
  }
  yield* hand(encoder, rejects, credit, signal);
}

function isFull({ heldBytes, records }: RowEncoder): boolean {
  return heldBytes >= CHUNK_BYTES || records >= CHUNK_RECORDS;
}

async function* hand(
  encoder: RowEncoder,
  rejects: readonly Reject[],
  credit: MemoryCredit,
  signal: AbortSignal,
): AsyncGenerator<SourceChunk, void, undefined> {
  const { heldBytes, records } = encoder;
  if (records + rejects.length === 0) return;
  if (heldBytes > MAX_RECORD_BYTES) throw tooLarge(heldBytes);
  const share: CreditShare | null =
    heldBytes > LONG_BYTES ? await credit.take(COPIES_OF_LONG_RECORD * heldBytes, signal) : null;
  using held = new DisposableStack();
  held.defer(() => share?.release());
  const chunk = encoder.take();
  yield rejects.length === 0 ? { chunk } : { chunk, rejects };
}

/** Takes a record back that fails a filter; answers why, when its value cannot be compared. */
function createFilter(
  { fields }: SchemaDescription,
  filters: readonly RowFilter[],
): (row: Row, encoder: RowEncoder) => string | null {
  const tests = filters.flatMap((filter) => {
    const field = fields.find(({ id }) => id === filter.field);
    // Refuses the filter as such, so that what fails later is a value.
    if (field !== undefined) readFilter(field, filter);
    return field === undefined ? [] : [{ field, filter, toValue: createValueReader(field) }];
  });
  return (row, encoder) => {
    for (const { field, filter, toValue } of tests) {
      try {
        if (matchesFilter(field, toValue(row), filter)) continue;
      } catch {
        encoder.undo();
        return `The value of ${field.id} cannot be compared with a filter’s.`;
      }
      encoder.undo();
      return null;
    }
    return null;
  };
}

/**
 * What a filter compares: the text that the destination gets, since one value can come in many forms (a UUID in capitals,
 * a decimal as 1e-7). Lists and JSON are looked into, so they stay as they are.
 */
function createValueReader(field: FieldDescription): (row: Row) => unknown {
  const { id, logicalType } = field;
  const kind = toFilterKind(field);
  if (kind === 'array' || kind === 'json') return (row) => (Object.hasOwn(row, id) ? row[id] : null);
  const encoder = createRowEncoder('csv', [{ id, logicalType }]);
  const place = [{ id, logicalType, position: 0 }];
  return (row) => {
    const fault = encoder.add(row);
    if (fault !== null) throw new TypeError(fault);
    return readKey(encoder.take(), 0, place)[id] ?? null;
  };
}

/**
 * The key of a refused row, as the texts that its records have in chunks: by them its older version is found, and kept. Null
 * for an object without a key, or where not all of it is read.
 */
function createKeyReader({ schema, format, fields }: ReadRequest): (row: Row) => Reject['key'] {
  const keyFields = fields.filter(({ id }) => schema.primaryKey.includes(id));
  if (keyFields.length === 0 || keyFields.length < schema.primaryKey.length) return () => null;
  const encoder = createRowEncoder(format, keyFields);
  const places = keyFields.map(({ id, logicalType }, position) => ({ id, logicalType, position }));
  return (row) => {
    // What the key itself cannot hold names no older version, so any text will do.
    if (encoder.add(row) === null) return readKey(encoder.take(), 0, places);
    return Object.fromEntries(keyFields.map(({ id }) => [id, String(row[id])]));
  };
}

function tooLarge(bytes: number): SyncError {
  return new SyncError(
    'RECORD_TOO_LARGE',
    `A record of ${bytes} bytes came from the source; at most ${MAX_RECORD_BYTES} bytes are taken. Leave out its large field or shorten it.`,
    { detail: { bytes, limit: MAX_RECORD_BYTES } },
  );
}
