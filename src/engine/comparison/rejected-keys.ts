import type { LoadColumn, Reject } from '../../connector-kit/index.ts';
import type { LogicalType } from '../../core/index.ts';
import { toCanonicalFloat } from '../../formats/index.ts';
import type { DifferingRecord } from './compare-records.ts';

type Key = NonNullable<Reject['key']>;

/**
 * Tells differing records by their key whether they were refused. A record that a segment refused is named from its bytes,
 * one that a table refused by the system, and each writes some types in its own way.
 */
export function openRejectedKeys(
  columns: readonly Pick<LoadColumn, 'field' | 'isKey' | 'logicalType'>[],
  rejects: readonly Pick<Reject, 'key'>[],
): (record: Pick<DifferingRecord, 'key'>) => boolean {
  const fields = columns.filter(({ isKey }) => isKey);
  const toText = (key: Key) =>
    JSON.stringify(fields.map(({ field, logicalType }) => toOneForm(key[field] ?? null, logicalType)));
  const known = new Set(rejects.flatMap(({ key }) => (key === null ? [] : [toText(key)])));
  return ({ key }) => known.size > 0 && key !== null && known.has(toText(key));
}

function toOneForm(text: string | null, type: LogicalType): string | null {
  if (text === null) return null;
  switch (type.kind) {
    case 'boolean':
      return String(/^(t|true|1)$/i.test(text));
    case 'float':
      return toCanonicalFloat(text, type.bits);
    case 'bytes':
      return text.replace(/^\\x/, '').toLowerCase();
    default:
      return text;
  }
}
