import type { Chunk, WireFormat } from '../../formats/index.ts';
import type { LoadColumn } from '../load.ts';
import type { FormatOffer } from '../source.ts';

/** A record of the suites' own schema: a whole number as key, and a text. */
export interface TestRecord {
  readonly id: number;
  readonly note: string | null;
}

/** What a source would offer for these records in a format. */
export function offerRecords(format: WireFormat): FormatOffer {
  return {
    format,
    fields: [
      {
        id: 'id',
        logicalType: { kind: 'integer', bits: 32 },
        wireType: 'integer',
        conversion: null,
        isNullable: false,
      },
      { id: 'note', logicalType: { kind: 'text' }, wireType: 'text', conversion: null, isNullable: true },
    ],
  };
}

/** The plan's columns for an offer, of the types that the destination chose. */
export function toColumns(
  offer: FormatOffer,
  types: readonly { readonly type: string }[],
  isKeyed: boolean,
): readonly LoadColumn[] {
  return offer.fields.map(({ id, logicalType }, index) => ({
    field: id,
    name: id,
    type: types[index]?.type ?? '',
    logicalType,
    isKey: isKeyed && id === 'id',
  }));
}

/** The records in one chunk. */
export function encodeRecords(format: WireFormat, records: readonly TestRecord[]): Chunk {
  const parts = records.map(format === 'csv' ? toLine : toTuple);
  let end = 0;
  const ends = Uint32Array.from(parts, ({ length }) => (end += length));
  const payload = new Uint8Array(end);
  for (const [index, part] of parts.entries()) payload.set(part, (ends[index] ?? 0) - part.length);
  return { format, payload, ends };
}

function toLine({ id, note }: TestRecord): Uint8Array {
  return Buffer.from(`${id},${note === null ? '' : `"${note.replaceAll('"', '""')}"`}\n`);
}

function toTuple({ id, note }: TestRecord): Uint8Array {
  const text = note === null ? Buffer.alloc(0) : Buffer.from(note);
  const tuple = Buffer.alloc(2 + 4 + 4 + 4 + text.length);
  tuple.writeInt16BE(2, 0);
  tuple.writeInt32BE(4, 2);
  tuple.writeInt32BE(id, 6);
  tuple.writeInt32BE(note === null ? -1 : text.length, 10);
  tuple.set(text, 14);
  return tuple;
}
