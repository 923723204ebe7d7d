import type { LogicalType } from '../../core/index.ts';
import type { Chunk, WireFormat } from '../chunk.ts';
import { createBatch, reserveRecords, setNull, storageOf } from '../columns/column.ts';
import { createEncoder } from '../columns/encode.ts';
import { valueSetterOf } from './row-values.ts';

/** A record as JavaScript has it, by field id. A field that is missing is NULL. */
export type Row = Readonly<Record<string, unknown>>;

/** Turns rows into chunks of one wire format. Keeps scratch memory: one encoder per pipeline, for one schema. */
export interface RowEncoder {
  /** Adds a record, or answers why it is none of the schema's, naming the field and not its value. */
  add(row: Row): string | null;
  /** Forgets the record that was added last. */
  undo(): void;
  /** Bytes that the records so far hold, about. */
  readonly heldBytes: number;
  readonly records: number;
  /** A chunk of all that was added since the last one. Its bytes are the encoder's until the next, unless they were given away. */
  take(): Chunk;
}

/** An encoder for rows with these fields, in wire order. */
export function createRowEncoder(
  format: WireFormat,
  fields: readonly { readonly id: string; readonly logicalType: LogicalType }[],
): RowEncoder {
  const batch = createBatch(fields.map(({ logicalType }) => logicalType));
  const setters = fields.map(({ logicalType }) => valueSetterOf(logicalType));
  const texts = batch.columns.filter(({ type }) => storageOf(type) === 'bytes');
  // Every object has a `constructor` from elsewhere, and it may be a field's name as well.
  const isInherited = fields.map(({ id }) => id in Object.prototype);
  const ids = fields.map(({ id }) => id);
  const set = (field: number, value: unknown): string | null => {
    const column = batch.columns[field];
    if (column === undefined) return null;
    if (value === null || value === undefined) {
      setNull(column, batch.records);
      return null;
    }
    const fault = setters[field]?.(column, batch.records, value) ?? null;
    return fault === null ? null : `The value of ${ids[field]} ${fault}.`;
  };
  // Texts as well, NULL or not: their places take room, and their encoding is given more.
  const recordBytes = 8 * fields.length;
  const encoder = createEncoder(format, batch);
  return {
    add(row) {
      reserveRecords(batch);
      let field = 0;
      // Rows mostly have their fields in one order: then a value is found without a search for its name.
      for (const id in row) {
        if (id !== ids[field]) continue;
        const fault = set(field, row[id]);
        if (fault !== null) return fault;
        field++;
      }
      for (; field < ids.length; field++) {
        const id = ids[field] ?? '';
        const fault = set(field, isInherited[field] === true && !Object.hasOwn(row, id) ? undefined : row[id]);
        if (fault !== null) return fault;
      }
      batch.records++;
      return null;
    },
    undo() {
      batch.records--;
    },
    get heldBytes() {
      let bytes = recordBytes * batch.records;
      for (const { offsets } of texts) bytes += offsets[batch.records] ?? 0;
      return bytes;
    },
    get records() {
      return batch.records;
    },
    take() {
      const chunk = encoder.encode();
      batch.records = 0;
      return chunk;
    },
  };
}
