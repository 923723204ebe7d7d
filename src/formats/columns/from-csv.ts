import { SyncError } from '../../core/index.ts';
import type { Chunk } from '../chunk.ts';
import { copyField, createFieldCursor, nextField } from '../csv/fields.ts';
import { type ColumnBatch, reserveRecords, setNull } from './column.ts';
import { textSetterOf } from './parse-text.ts';

/** Adds a chunk's records to a batch. @throws `FORMAT_CORRUPT` when they are not of the batch's types */
export type DecodeChunk = (chunk: Chunk, batch: ColumnBatch) => void;

/** A decoder of `csv` for batches with these columns. */
export function createCsvDecoder({ columns }: ColumnBatch): DecodeChunk {
  const setters = columns.map(({ type }) => textSetterOf(type));
  const cursor = createFieldCursor(0);
  let scratch = new Uint8Array(0);
  return ({ payload, ends }, batch) => {
    reserveRecords(batch, ends.length);
    let start = 0;
    for (const end of ends) {
      cursor.next = start;
      for (let field = 0; field < columns.length; field++) {
        const column = columns[field];
        const setText = setters[field];
        if (column === undefined || setText === undefined) break;
        nextField(payload, cursor, end);
        if (cursor.isNull) {
          setNull(column, batch.records);
          continue;
        }
        let isSet: boolean;
        if (cursor.doubledQuotes > 0) {
          if (scratch.length < cursor.end - cursor.start) scratch = new Uint8Array(2 * (cursor.end - cursor.start));
          isSet = setText(column, batch.records, scratch, 0, copyField(payload, cursor, scratch, 0));
        } else isSet = setText(column, batch.records, payload, cursor.start, cursor.end);
        if (!isSet) throw misfit(field, column.type.kind);
      }
      if (cursor.next !== end) throw corrupt();
      batch.records++;
      start = end;
    }
  };
}

function misfit(field: number, kind: string): SyncError {
  return new SyncError('FORMAT_CORRUPT', `Read a csv record, and its field ${field + 1} is no ${kind}. Report it.`);
}

function corrupt(): SyncError {
  return new SyncError('FORMAT_CORRUPT', 'Read a csv record, and it is longer than its fields. Report it.');
}
