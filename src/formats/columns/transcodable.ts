import type { LogicalType } from '../../core/index.ts';
import type { WireFormat } from '../chunk.ts';

/** The widest decimal whose digits behind the point every value has: a numeric without precision has its own number of them. */
const MAX_PRECISION = 38;
/** Types whose bytes are not their canonical text: `character` is padded. */
const PADDED = /^(character|bpchar)(\(|$)/;

/** True when columns can be made of a field's bytes. @param wireType the source system's type of the bytes */
export function canDecode(format: WireFormat, logicalType: LogicalType, wireType: string): boolean {
  if (logicalType.kind === 'decimal' && logicalType.precision > MAX_PRECISION) return false;
  if (format === 'csv') return true;
  // What only PostgreSQL reads goes as `bytes`, too.
  return logicalType.kind === 'bytes' ? wireType === 'bytea' : !PADDED.test(wireType);
}
