import type { LogicalType } from '../../core/index.ts';
import type { Chunk } from '../chunk.ts';
import { toPgcopyText } from './pgcopy-text.ts';

/** Types of which `pgcopy-binary` sends one signed number, so that the higher number is the higher value. */
const NUMBERS: ReadonlySet<LogicalType['kind']> = new Set(['integer', 'date', 'timestamp', 'timestamptz']);
const COUNT_BYTES = 2;
const LENGTH_BYTES = 4;

/** The highest value of one field among the records that were shown. */
export interface HighestValue {
  show(chunk: Chunk): void;
  /** Its canonical text, an infinity included; undefined while every record had NULL there. */
  text(): string | undefined;
}

/**
 * Watches the field at this place of records in `pgcopy-binary`, from 0.
 * @returns null for a type whose bytes are no signed number of 2, 4 or 8 bytes
 */
export function watchHighestValue(position: number, type: LogicalType): HighestValue | null {
  if (!NUMBERS.has(type.kind)) return null;
  // Two words, since 64 bits do not fit a number: the first one decides, with its sign, then the second one without.
  let [high, low, bytes] = [0, 0, 0];
  return {
    show({ payload, ends }) {
      const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
      let start = 0;
      for (const end of ends) {
        let at = start + COUNT_BYTES;
        for (let skipped = 0; skipped < position; skipped++) at += LENGTH_BYTES + Math.max(view.getInt32(at), 0);
        const length = view.getInt32(at);
        at += LENGTH_BYTES;
        start = end;
        if (length < 2) continue;
        const first = length === 2 ? view.getInt16(at) : view.getInt32(at);
        const second = length === 8 ? view.getUint32(at + 4) : 0;
        if (bytes > 0 && (first < high || (first === high && second <= low))) continue;
        [high, low, bytes] = [first, second, length];
      }
    },
    text() {
      if (bytes === 0) return undefined;
      const field = Buffer.alloc(bytes);
      if (bytes === 2) field.writeInt16BE(high);
      else field.writeInt32BE(high);
      if (bytes === 8) field.writeUInt32BE(low, 4);
      return toPgcopyText(field, type);
    },
  };
}
