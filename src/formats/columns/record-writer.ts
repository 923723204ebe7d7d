import type { Column, ColumnBatch } from './column.ts';

/** Writes a value that is not NULL from `at`, and returns the position behind it. */
export type WriteField = (column: Column, row: number, out: Uint8Array, at: number) => number;

/** How the records of one batch are written in one wire format. */
export interface RecordWriter {
  /** At least as many bytes as all records of the batch take. */
  maxBytes(batch: ColumnBatch): number;
  /** Writes one record from `at`, and returns the position behind it. */
  writeRecord(row: number, out: Uint8Array, at: number): number;
}
