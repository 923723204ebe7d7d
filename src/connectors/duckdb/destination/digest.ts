import {
  digest,
  inRange,
  isTombstone,
  keyColumns,
  quoteTable,
  type Session,
  sameKey,
} from '../../../connector-kit/duckdb/index.ts';
import type { LoadPlan, SegmentRange } from '../../../connector-kit/index.ts';
import type { RangeSum } from '../../../core/index.ts';
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
