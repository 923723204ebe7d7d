import { SyncError } from '../../core/index.ts';

const QUOTE = 0x22;
const COMMA = 0x2c;
const NEWLINE = 0x0a;

/** Where one field of a `csv` record stands; moved from field to field, so that reading allocates nothing. */
export interface FieldCursor {
  /** First byte of the field's text; the cursor is set up with the record's first byte in `next`. */
  start: number;
  /** Behind the last byte of the text, the closing quote left out. */
  end: number;
  /** An unquoted empty field. */
  isNull: boolean;
  /** Doubled quotes in the text: it is that many bytes shorter than `end - start`. */
  doubledQuotes: number;
  /** First byte of the next field, or the record's end behind its last field. */
  next: number;
}

/** A cursor before the first field of the record that begins at `start`. */
export function createFieldCursor(start: number): FieldCursor {
  return { start, end: start, isNull: false, doubledQuotes: 0, next: start };
}

/**
 * Moves the cursor to its next field in the record that ends at `recordEnd`, newline included.
 * @throws `FORMAT_CORRUPT` when a quote is not closed or the record is over
 */
export function nextField(payload: Uint8Array, cursor: FieldCursor, recordEnd: number): void {
  const at = cursor.next;
  if (at >= recordEnd || payload[recordEnd - 1] !== NEWLINE) throw corrupt('is shorter than its fields');
  cursor.doubledQuotes = 0;
  if (payload[at] === QUOTE) readQuoted(payload, cursor, recordEnd);
  else readUnquoted(payload, cursor, recordEnd);
}

/** Copies the field's text to `out` from `at`, quotes undone, and returns the position behind it. */
export function copyField(payload: Uint8Array, cursor: FieldCursor, out: Uint8Array, at: number): number {
  let to = at;
  const skipsQuotes = cursor.doubledQuotes > 0;
  for (let from = cursor.start; from < cursor.end; from++) {
    const byte = payload[from] ?? 0;
    out[to++] = byte;
    if (skipsQuotes && byte === QUOTE) from++;
  }
  return to;
}

/** The text of every field of one record; null is NULL. For the few records that a person gets to see. */
export function readFields(payload: Uint8Array, start: number, end: number): (string | null)[] {
  const fields: (string | null)[] = [];
  const cursor = createFieldCursor(start);
  while (cursor.next < end) {
    nextField(payload, cursor, end);
    fields.push(cursor.isNull ? null : readText(payload, cursor));
  }
  return fields;
}

function readText(payload: Uint8Array, cursor: FieldCursor): string {
  const text = new Uint8Array(cursor.end - cursor.start);
  return Buffer.from(text.buffer, 0, copyField(payload, cursor, text, 0)).toString('utf8');
}

function readUnquoted(payload: Uint8Array, cursor: FieldCursor, recordEnd: number): void {
  const at = cursor.next;
  const last = recordEnd - 1;
  let end = at;
  while (end < last && payload[end] !== COMMA) end++;
  cursor.start = at;
  cursor.end = end;
  cursor.isNull = end === at;
  cursor.next = end + 1;
}

function readQuoted(payload: Uint8Array, cursor: FieldCursor, recordEnd: number): void {
  let at = cursor.next + 1;
  cursor.start = at;
  for (; at < recordEnd; at++) {
    if (payload[at] !== QUOTE) continue;
    if (payload[at + 1] !== QUOTE) break;
    cursor.doubledQuotes++;
    at++;
  }
  const behind = payload[at + 1];
  if (at + 1 >= recordEnd || (behind !== COMMA && behind !== NEWLINE)) throw corrupt('has a quote that is not closed');
  cursor.end = at;
  cursor.isNull = false;
  cursor.next = at + 2;
}

function corrupt(what: string): SyncError {
  return new SyncError('FORMAT_CORRUPT', `Read a csv record, and it ${what}. Report it with the connector's versions.`);
}
