import {
  digest,
  inRange,
  isTombstone,
  keyColumns,
  quoteName,
  quoteTable,
  type Session,
  sameKey,
} from '../../../connector-kit/duckdb/index.ts';
import type { LoadPlan, SegmentRange, TableName } from '../../../connector-kit/index.ts';
import type { RangeSum } from '../../../core/index.ts';
import { findTable } from './catalogue.ts';
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
  const table = plan.kind === 'replace' ? work : live;
  const from = countsOnly ? `${quoteTable(table)} AS r` : `${await inPlannedTypes(session, plan, table)} AS r`;
  return digest(session, plan, `${from} WHERE ${['true', ...conditions].join(' AND ')}`, countsOnly);
}

/** A column that is wider than the plan's type is read as the planned one, as the source sent it. */
export async function inPlannedTypes(session: Session, plan: LoadPlan, table: TableName): Promise<string> {
  const found = await findTable(session, table);
  const others = plan.columns.filter(({ name, type }) => (found?.typeOf(name) ?? type) !== type);
  if (others.length === 0) return quoteTable(table);
  const casts = others.map(({ name, type }) => `CAST(${quoteName(name)} AS ${type}) AS ${quoteName(name)}`);
  return `(SELECT * REPLACE (${casts.join(', ')}) FROM ${quoteTable(table)})`;
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
