import { type LogicalType, SyncError } from '../../core/index.ts';
import type { ColumnBatch } from './column.ts';
import { type Column, reserveRecords, setBytes, setFloat, setInt32, setInt64, setNull } from './column.ts';
import { setNumeric } from './decimal.ts';
import type { DecodeChunk } from './from-csv.ts';

/** Keeps a field's bytes as the value of `row`. False when they are of another type. */
type SetField = (column: Column, row: number, source: Source, at: number, length: number) => boolean;

/** A chunk's bytes in both views. */
interface Source {
  readonly bytes: Uint8Array;
  readonly view: DataView;
}

const LENGTH_BYTES = 4;
const JSONB_VERSION = 1;
const INTEGERS: Readonly<Record<16 | 32 | 64, SetField>> = { 16: setInt16, 32: setWord, 64: setTwoWords };

const SETTERS: Readonly<Record<Exclude<LogicalType['kind'], 'integer'>, SetField>> = {
  boolean: setBoolean,
  decimal: (column, row, { view }, at, length) => setNumeric(column, row, view, at, length),
  float: setFloatBytes,
  text: setPlain,
  json: setJson,
  bytes: setPlain,
  uuid: (column, row, source, at, length) => length === 16 && setPlain(column, row, source, at, length),
  date: setWord,
  time: setTwoWords,
  timestamp: setTwoWords,
  timestamptz: setTwoWords,
};

/** A decoder of `pgcopy-binary` for batches with these columns. */
export function createPgcopyDecoder({ columns }: ColumnBatch): DecodeChunk {
  const setters = columns.map(({ type }) => (type.kind === 'integer' ? INTEGERS[type.bits] : SETTERS[type.kind]));
  return ({ payload, ends }, batch) => {
    reserveRecords(batch, ends.length);
    const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
    const source: Source = { bytes: payload, view };
    let start = 0;
    for (const end of ends) {
      if (start + 2 > end || view.getInt16(start) !== columns.length) throw corrupt('has another number of fields');
      let at = start + 2;
      for (let field = 0; field < columns.length; field++) {
        const column = columns[field];
        const setField = setters[field];
        if (column === undefined || setField === undefined) break;
        const length = at + LENGTH_BYTES <= end ? view.getInt32(at) : end;
        at += LENGTH_BYTES;
        if (length < 0) setNull(column, batch.records);
        else if (at + length > end || !setField(column, batch.records, source, at, length))
          throw corrupt(`has no ${column.type.kind} in its field ${field + 1}`);
        else at += length;
      }
      if (at !== end) throw corrupt('is longer than its fields');
      batch.records++;
      start = end;
    }
  };
}

function setBoolean(column: Column, row: number, { bytes }: Source, at: number, length: number): boolean {
  setInt32(column, row, bytes[at] === 0 ? 0 : 1);
  return length === 1;
}

function setInt16(column: Column, row: number, { view }: Source, at: number, length: number): boolean {
  if (length !== 2) return false;
  setInt32(column, row, view.getInt16(at));
  return true;
}

function setWord(column: Column, row: number, { view }: Source, at: number, length: number): boolean {
  if (length !== 4) return false;
  setInt32(column, row, view.getInt32(at));
  return true;
}

function setTwoWords(column: Column, row: number, { view }: Source, at: number, length: number): boolean {
  if (length !== 8) return false;
  setInt64(column, row, view.getInt32(at + 4), view.getInt32(at));
  return true;
}

function setFloatBytes(column: Column, row: number, { view }: Source, at: number, length: number): boolean {
  const bits = column.type.kind === 'float' ? column.type.bits : 64;
  if (length !== bits / 8) return false;
  setFloat(column, row, bits === 32 ? view.getFloat32(at) : view.getFloat64(at));
  return true;
}

function setPlain(column: Column, row: number, { bytes }: Source, at: number, length: number): boolean {
  setBytes(column, row, bytes, at, at + length);
  return true;
}

/** `jsonb` begins with its version, which is no beginning of a JSON text. */
function setJson(column: Column, row: number, { bytes }: Source, at: number, length: number): boolean {
  const from = length > 0 && bytes[at] === JSONB_VERSION ? at + 1 : at;
  setBytes(column, row, bytes, from, at + length);
  return true;
}

function corrupt(what: string): SyncError {
  return new SyncError('FORMAT_CORRUPT', `Read a COPY BINARY record, and it ${what}. Report it.`);
}
