import {
  isTombstone,
  keyColumns,
  listNames,
  quoteName,
  quoteTable,
  type Session,
  sameKey,
} from '../../../connector-kit/duckdb/index.ts';
import type { LoadPlan } from '../../../connector-kit/index.ts';
import { type CatalogueTable, findTable } from './catalogue.ts';
import { namesOf } from './load-names.ts';

/** How many records stage and live table differ in, by what has to be done with them. */
export interface Difference {
  readonly inserts: number;
  readonly updates: number;
  readonly deletes: number;
}

/**
 * Temporary tables of the publication's transaction: keys of the records in which stage and live table differ, and the
 * staged records themselves. `KIND` says what has to be done.
 */
const KEYS = 'temp.millrace_keys';
export const CHANGED = 'temp.millrace_changed';
export const KIND = '__millrace_kind';

/**
 * Compares the staged records `s` that a condition names with the live table, once, and keeps what differs.
 * Records are compared by key and a 64-bit hash, so that the join stays narrow: joined with all their columns, three
 * million records took three times as long. A change that the hash hides (2^-64) shows in the receipt.
 */
export async function findDifference(session: Session, plan: LoadPlan, condition: string): Promise<Difference> {
  await dropDifference(session);
  await compareKeys(session, plan, condition);
  await leaveOutRefused(session, plan);
  const keys = keyColumns(plan);
  await session.run(
    `CREATE TEMPORARY TABLE ${CHANGED} AS SELECT s.*, k.${KIND} FROM ${quoteTable(namesOf(plan).work)} AS s ` +
      `JOIN ${KEYS} AS k ON ${sameKey(keys, 's', 'k')} WHERE k.${KIND} <> 'delete'`,
  );
  const rows = await session.rows(`SELECT ${KIND} AS kind, count(*) AS records FROM ${KEYS} GROUP BY ALL`);
  const counts = new Map(rows.map((row) => [row.kind, Number(row.records)]));
  return {
    inserts: counts.get('insert') ?? 0,
    updates: counts.get('update') ?? 0,
    deletes: counts.get('delete') ?? 0,
  };
}

/** Ends a comparison; a rollback does so by itself. */
export async function dropDifference(session: Session): Promise<void> {
  for (const table of [CHANGED, KEYS]) await session.run(`DROP TABLE IF EXISTS ${table}`);
}

/** SQL that is true where the record of `alias` is gone from the source. */
export function isDeleted(plan: LoadPlan, alias: string): string {
  return `EXISTS (SELECT 1 FROM ${KEYS} AS k WHERE k.${KIND} = 'delete' AND ${sameKey(keyColumns(plan), 'k', alias)})`;
}

async function compareKeys(session: Session, plan: LoadPlan, condition: string): Promise<void> {
  const { live, work } = namesOf(plan);
  const keys = keyColumns(plan);
  const types = await findTable(session, live);
  const staged = `SELECT ${listNames(keys)}, ${hashOf(plan, types)} AS h FROM ${quoteTable(work)} AS s WHERE ${condition}`;
  const current = `SELECT ${listNames(keys)}, ${hashOf(plan, null)} AS h, ${isTombstone(plan, 'l')} AS dead FROM ${quoteTable(live)} AS l`;
  // A hash is never NULL, so it tells which side is missing.
  const kind =
    "CASE WHEN l.h IS NULL THEN 'insert' WHEN s.h IS NULL THEN CASE WHEN NOT l.dead THEN 'delete' END " +
    "WHEN s.h <> l.h OR l.dead THEN 'update' END";
  const shown = keys.map(({ name }) => `coalesce(s.${quoteName(name)}, l.${quoteName(name)}) AS ${quoteName(name)}`);
  const join = plan.kind === 'merge' ? 'FULL JOIN' : 'LEFT JOIN';
  await session.run(
    `CREATE TEMPORARY TABLE ${KEYS} AS SELECT * FROM (SELECT ${kind} AS ${KIND}, ${shown.join(', ')} ` +
      `FROM (${staged}) AS s ${join} (${current}) AS l ON ${sameKey(keys, 's', 'l')}) WHERE ${KIND} IS NOT NULL`,
  );
}

/** A record that the destination refused keeps its last good version. */
async function leaveOutRefused(session: Session, plan: LoadPlan): Promise<void> {
  const { refused } = namesOf(plan);
  if (refused === null) return;
  const isRefused = `EXISTS (SELECT 1 FROM ${quoteTable(refused)} AS x WHERE ${sameKey(keyColumns(plan), 'x', 'k')})`;
  await session.run(`DELETE FROM ${KEYS} AS k WHERE ${isRefused}`);
}

/** In the types of the live table, which may be wider. Zeros of both signs have one hash in DuckDB. */
function hashOf(plan: LoadPlan, live: CatalogueTable | null): string {
  const values = plan.columns.flatMap(({ name, type, logicalType, isKey }) => {
    if (isKey) return [];
    const liveType = live?.typeOf(name) ?? type;
    const column = liveType === type ? quoteName(name) : `CAST(${quoteName(name)} AS ${liveType})`;
    return logicalType.kind === 'float' ? [column, `signbit(${column})`] : [column];
  });
  return values.length === 0 ? '0' : `hash(${values.join(', ')})`;
}
