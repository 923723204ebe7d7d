import type { SchemaDescription } from '../../core/index.ts';
import type { Row } from '../../formats/index.ts';

/**
 * A system that gives its records as JavaScript values, page by page: what the author of a connector for an HTTP API writes.
 * `createRowSource` makes a bulk source of it: types, wire formats, filters, chunks, memory and refused records are its concern.
 */
export interface RowSystem {
  /** Every object that the user may read, with the fields that its rows have. */
  discover(signal: AbortSignal): Promise<readonly SchemaDescription[]>;
  /**
   * All records of one object, from the first page on; asked again after a failure. The next page is asked for when the last
   * one is on its way, so that waiting for the iterator is the backpressure. Rows hold values by field id: numbers, bigints,
   * texts, booleans, Dates, bytes, and anything JSON for fields of type `json`; decimals and large integers as text where
   * JSON numbers would round them. Other properties are ignored, missing ones are NULL.
   */
  readPages(request: PageRequest, signal: AbortSignal): AsyncIterable<readonly Row[]>;
}

export interface PageRequest {
  readonly schema: SchemaDescription;
  /** Ids of the fields that somebody reads; a system that can may leave out the others. */
  readonly fields: readonly string[];
  /** Records that changed at or behind `value` are enough, `value` as ISO 8601 in UTC; more of them do no harm. Null = all. */
  readonly changedSince: { readonly field: string; readonly value: string } | null;
}
