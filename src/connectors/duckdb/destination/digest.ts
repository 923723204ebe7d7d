import type { LoadPlan, SegmentRange } from '../../../connector-kit/index.ts';
import { type RangeSum, SyncError } from '../../../core/index.ts';
import { toSumText } from '../../../formats/index.ts';
import type { Session } from '../client.ts';
import { quoteName, quoteTable, quoteText } from '../sql.ts';
import { codecOf } from '../types.ts';
import { canonicalRecord, isTombstone, keyColumns, sameKey } from './columns.ts';
import { namesOf } from './load-names.ts';

/** See `Load.digest`. */
export async function digestLoad(
  session: Session,
  plan: LoadPlan,
  range: SegmentRange | null,
  countsOnly: boolean,
): Promise<RangeSum> {
  const conditions = [...(await standsForLoad(session, plan)), ...(range === null ? [] : inRange(plan, range))];
  const { live, work } = namesOf(plan);
  const from = `${quoteTable(plan.kind === 'replace' ? work : live)} AS r`;
  return digest(session, plan, `${from} WHERE ${['true', ...conditions].join(' AND ')}`, countsOnly);
}

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

/** The live records that a `merge` or `delta` has to answer for: no tombstones, none that were refused. */
async function standsForLoad(session: Session, plan: LoadPlan): Promise<string[]> {
  const { work, refused } = namesOf(plan);
  if (refused === null) return [];
  const keys = keyColumns(plan);
  const [first] = await session.rows(`SELECT 1 FROM ${quoteTable(refused)} LIMIT 1`);
  const isRefused = `EXISTS (SELECT 1 FROM ${quoteTable(refused)} AS x WHERE ${sameKey(keys, 'x', 'r')})`;
  const isStaged = `EXISTS (SELECT 1 FROM ${quoteTable(work)} AS s WHERE ${sameKey(keys, 's', 'r')})`;
  return [
    `NOT ${isTombstone(plan, 'r')}`,
    ...(first === undefined ? [] : [`NOT ${isRefused}`]),
    ...(plan.kind === 'delta' ? [isStaged] : []),
  ];
}

function inRange(plan: LoadPlan, range: SegmentRange): string[] {
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
