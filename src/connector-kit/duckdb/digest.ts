import { type RangeSum, SyncError } from '../../core/index.ts';
import { toSumText } from '../../formats/index.ts';
import type { LoadPlan } from '../load.ts';
import type { SegmentRange } from '../source.ts';
import { canonicalRecord } from './columns.ts';
import type { Session } from './session.ts';
import { quoteName, quoteText } from './sql.ts';
import { codecOf } from './types.ts';

/** Count and hash sum of the records `r` of a FROM clause, in which every column of the plan can be read. */
export async function digest(session: Session, plan: LoadPlan, from: string, countsOnly: boolean): Promise<RangeSum> {
  if (countsOnly) {
    const [row] = await session.rows(`SELECT count(*) AS records FROM ${from}`);
    return { records: Number(row?.records), sum: null };
  }
  // Halves of 64 bits, since DuckDB sums 128-bit numbers as doubles; it gives its own md5 numbers in another byte order.
  const half = (side: 'left' | 'right') => `coalesce(sum(('0x' || ${side}(hash, 16))::UBIGINT), 0)::VARCHAR`;
  const [row] = await session.rows(
    `SELECT count(*) AS records, ${half('left')} AS upper, ${half('right')} AS lower ` +
      `FROM (SELECT md5(${canonicalRecord(plan, 'r')}) AS hash FROM ${from})`,
  );
  const sum = (BigInt(String(row?.upper)) << 64n) + BigInt(String(row?.lower));
  return { records: Number(row?.records), sum: toSumText(sum) };
}

/** Conditions on the records `r` that lie in a range of the key. */
export function inRange(plan: LoadPlan, range: SegmentRange): readonly string[] {
  const { key } = range;
  const column = plan.columns.find(({ field }) => field === key?.field);
  if (key === undefined || column === undefined) {
    throw new SyncError(
      'INTERNAL',
      `Asked to prove ${range.text} of ${plan.schemaId}, which is no range of a key. Report it.`,
    );
  }
  const toValue = codecOf(column.logicalType).fromText;
  const name = `r.${quoteName(column.name)}`;
  return [
    ...(key.from === null ? [] : [`${name} >= ${toValue(quoteText(key.from))}`]),
    ...(key.to === null ? [] : [`${name} < ${toValue(quoteText(key.to))}`]),
  ];
}
