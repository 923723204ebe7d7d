import type { DifferenceKind } from '../../core/index.ts';
import type { PrintedRecord } from './question.ts';

/** One record that source and destination do not have alike. */
export interface DifferingRecord {
  readonly kind: DifferenceKind;
  readonly keyHash: string;
  /** Null for a table without a key. */
  readonly key: PrintedRecord['key'];
  /** Hashes of the whole record on either side; null where it has none. */
  readonly source: string | null;
  readonly destination: string | null;
}

interface OfOneKey {
  readonly source: PrintedRecord[];
  readonly destination: PrintedRecord[];
}

/**
 * Which records two lists differ in. Several records of one key, as in a table without a unique key, are set off against
 * each other; without any key a record is either missing or extra.
 */
export function compareRecords(
  source: readonly PrintedRecord[],
  destination: readonly PrintedRecord[],
): readonly DifferingRecord[] {
  const keys = new Map<string, OfOneKey>();
  const ofKey = (keyHash: string): OfOneKey => {
    const known = keys.get(keyHash) ?? { source: [], destination: [] };
    keys.set(keyHash, known);
    return known;
  };
  for (const record of source) ofKey(record.keyHash).source.push(record);
  for (const record of destination) ofKey(record.keyHash).destination.push(record);
  return [...keys].flatMap(([keyHash, records]) => compareOne(keyHash, records));
}

function compareOne(keyHash: string, { source, destination }: OfOneKey): readonly DifferingRecord[] {
  const extra = [...destination];
  const missing = source.filter(({ hash }) => {
    const same = extra.findIndex((record) => record.hash === hash);
    if (same >= 0) extra.splice(same, 1);
    return same < 0;
  });
  const length = Math.max(missing.length, extra.length);
  return Array.from({ length }, (_, index) => toDiffering(keyHash, missing[index], extra[index]));
}

function toDiffering(
  keyHash: string,
  source: PrintedRecord | undefined,
  destination: PrintedRecord | undefined,
): DifferingRecord {
  const kind = source === undefined ? 'extra' : destination === undefined ? 'missing' : 'different';
  return {
    kind,
    keyHash,
    key: (source ?? destination)?.key ?? null,
    source: source?.hash ?? null,
    destination: destination?.hash ?? null,
  };
}
