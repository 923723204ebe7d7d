import {
  codecOf,
  digest,
  keyColumns,
  listNames,
  quoteName,
  quoteTable,
  quoteText,
  type Session,
} from '../../../connector-kit/duckdb/index.ts';
import type { LoadPlan, LossGuard, PublishCounts, Reject } from '../../../connector-kit/index.ts';
import { SyncError } from '../../../core/index.ts';
import { emptySum } from '../../../formats/index.ts';
import { namesOf } from './load-names.ts';
import { listOutcomes } from './state.ts';

/** A record of the work table that the live table's rules refuse. */
export interface RefusedRow {
  readonly rowId: number;
  readonly reason: string;
}

/** Ends a trial's transaction without an error of its own. */
class Undo extends Error {}

/**
 * Finds the records that make `apply` fail, by trying halves in transactions that are rolled back.
 * `apply` gets a condition on the work table's records `s`.
 * @throws `TABLE_DIFFERS` when records fail only together, `TOO_MANY_REJECTS` when there are more than the guard allows
 */
export async function findRefusedRows(
  session: Session,
  plan: LoadPlan,
  { maxRejects = Number.POSITIVE_INFINITY }: Pick<LossGuard, 'maxRejects'>,
  apply: (condition: string) => Promise<unknown>,
): Promise<RefusedRow[]> {
  const { work } = namesOf(plan);
  const [bounds] = await session.rows(`SELECT min(rowid) AS first, max(rowid) + 1 AS behind FROM ${quoteTable(work)}`);
  const refused: RefusedRow[] = [];
  const search = async (from: number, to: number): Promise<void> => {
    const reason = await attempt(session, () => apply(`s.rowid >= ${from} AND s.rowid < ${to}`));
    if (reason === null) return;
    if (to - from === 1) {
      refused.push({ rowId: from, reason });
      if (refused.length > maxRejects) throw tooMany(plan, maxRejects, reason);
      return;
    }
    const before = refused.length;
    const middle = Math.floor((from + to) / 2);
    await search(from, middle);
    await search(middle, to);
    if (refused.length === before) throw cannotIsolate(plan, reason);
  };
  await search(Number(bounds?.first ?? 0), Number(bounds?.behind ?? 0));
  return refused;
}

/**
 * Keeps refused records out of the publication: those of the segments, whose keys must not count as deleted, and those
 * that the live table refuses. Runs in the publication's transaction.
 */
export async function setAside(
  session: Session,
  plan: LoadPlan,
  rows: readonly RefusedRow[],
): Promise<Pick<PublishCounts, 'rejects' | 'rejected'>> {
  const { refused } = namesOf(plan);
  if (refused !== null) {
    await session.run(`DELETE FROM ${quoteTable(refused)}`);
    await keepSegmentRejects(session, plan, quoteTable(refused));
  }
  return rows.length === 0 ? { rejects: [], rejected: emptySum(false) } : takeOut(session, plan, rows);
}

async function takeOut(
  session: Session,
  plan: LoadPlan,
  rows: readonly RefusedRow[],
): Promise<Pick<PublishCounts, 'rejects' | 'rejected'>> {
  const { work, refused } = namesOf(plan);
  const chosen = `${quoteTable(work)} AS r WHERE r.rowid IN (${rows.map(({ rowId }) => rowId).join(', ')})`;
  const rejected = await digest(session, plan, chosen, false);
  const keys = await readKeys(session, plan, chosen);
  const rejects = rows.map(({ rowId, reason }): Reject => ({ key: keys.get(rowId) ?? null, reason }));
  if (refused === null) {
    await session.run(`DELETE FROM ${chosen}`);
  } else {
    await session.run(`INSERT INTO ${quoteTable(refused)} SELECT ${listNames(keyColumns(plan), 'r')} FROM ${chosen}`);
  }
  return { rejects, rejected };
}

async function readKeys(session: Session, plan: LoadPlan, chosen: string): Promise<Map<number, Reject['key']>> {
  const keys = keyColumns(plan);
  if (keys.length === 0) return new Map();
  const texts = keys.map(
    ({ name, logicalType }, i) => `${codecOf(logicalType).toCanonical(`r.${quoteName(name)}`)} AS k${i}`,
  );
  const found = await session.rows(`SELECT r.rowid AS row_id, ${texts.join(', ')} FROM ${chosen}`);
  return new Map(
    found.map((row) => {
      const values = keys.map(({ field }, i) => [field, row[`k${i}`] === null ? null : String(row[`k${i}`])] as const);
      return [Number(row.row_id), Object.fromEntries(values)];
    }),
  );
}

/** A key that is itself what was refused names no record of the live table. */
async function keepSegmentRejects(session: Session, plan: LoadPlan, table: string): Promise<void> {
  const outcomes = await listOutcomes(session, plan);
  for (const { key } of outcomes.flatMap(({ rejects }) => rejects)) {
    if (key === null) continue;
    const values = keyColumns(plan).map(({ field, logicalType }) => {
      const text = key[field] ?? null;
      return text === null ? 'NULL' : `TRY(${codecOf(logicalType).fromText(`${quoteText(text)}::VARCHAR`)})`;
    });
    await session.run(`INSERT INTO ${table} SELECT ${values.join(', ')}`);
  }
}

async function attempt(session: Session, apply: () => Promise<unknown>): Promise<string | null> {
  try {
    await session.transaction(async () => {
      await apply();
      throw new Undo();
    });
  } catch (error) {
    if (error instanceof Undo) return null;
    if (error instanceof SyncError && error.code === 'RECORD_REFUSED') return error.message;
    throw error;
  }
  return null;
}

function tooMany(plan: LoadPlan, most: number, reason: string): SyncError {
  return new SyncError(
    'TOO_MANY_REJECTS',
    `Publishing ${plan.schemaId} to ${plan.table.schema}.${plan.table.name} stopped: the table refuses more than ${most} records (${reason}). Mend the data or the table's rules; no record was changed.`,
  );
}

function cannotIsolate(plan: LoadPlan, reason: string): SyncError {
  return new SyncError(
    'TABLE_DIFFERS',
    `Publishing ${plan.schemaId} to ${plan.table.schema}.${plan.table.name} stopped: its rules refuse records that only fail together (${reason}). Drop the rule; no record was changed.`,
  );
}
