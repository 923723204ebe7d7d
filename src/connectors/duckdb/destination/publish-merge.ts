import {
  assertLoss,
  codecOf,
  isTombstone,
  keyColumns,
  listNames,
  ownColumnNames,
  ownColumns,
  quoteName,
  quoteTable,
  quoteText,
  type Session,
  sameKey,
  stampOf,
} from '../../../connector-kit/duckdb/index.ts';
import type { LoadPlan, LossGuard } from '../../../connector-kit/index.ts';
import { findTable } from './catalogue.ts';
import { guardCompleteColumns, guardDeltaColumns } from './column-loss.ts';
import { CHANGED, type Difference, dropDifference, findDifference, isDeleted, KIND } from './difference.ts';
import { alterLive } from './fit-live.ts';
import { namesOf } from './load-names.ts';

/** Keys of one statement. */
const KEYS_PER_STATEMENT = 500;

/** What became of the records, by kind. */
export interface AppliedCounts {
  readonly inserted: number;
  readonly updated: number;
  readonly unchanged: number;
  readonly deleted: number;
}

/** Applies the difference between stage and live table. Runs in the publication's transaction. */
export async function mergeIntoLive(session: Session, plan: LoadPlan, guard: LossGuard): Promise<AppliedCounts> {
  await alterLive(session, plan, 'kept');
  await purgeTombstones(session, plan);
  const removed = await removeListed(session, plan, guard);
  const found = await findDifference(session, plan, 'true');
  await guardValues(session, plan, found, guard);
  if (found.deletes > 0) await removeMissing(session, plan, guard, found.deletes);
  await applyDifference(session, plan, found);
  await dropDifference(session);
  const unchanged = (await countStaged(session, plan)) - found.inserts - found.updates;
  return { inserted: found.inserts, updated: found.updates, unchanged, deleted: found.deletes + removed };
}

/** Counted only where enough records differ. */
async function guardValues(session: Session, plan: LoadPlan, found: Difference, guard: LossGuard): Promise<void> {
  const { updates, deletes } = found;
  const live = updates + deletes === 0 ? null : await findTable(session, plan.table);
  if (live === null) return;
  const records = await count(session, `${quoteTable(live.table)} AS l WHERE NOT ${isTombstone(plan, 'l')}`);
  const guardColumns = plan.kind === 'delta' ? guardDeltaColumns : guardCompleteColumns;
  await guardColumns(session, plan, live, { live: records, touched: updates + deletes }, guard);
}

/** Updates and inserts the staged records `s` that a condition names; for a trial whose transaction is undone. */
export async function tryMerge(session: Session, plan: LoadPlan, condition: string): Promise<void> {
  await alterLive(session, plan, 'kept');
  await purgeTombstones(session, plan);
  await applyDifference(session, plan, await findDifference(session, plan, condition));
}

/** A sync that keeps no tombstones lets go of those that it kept before; they are no loss. */
async function purgeTombstones(session: Session, plan: LoadPlan): Promise<void> {
  if (plan.tombstones) return;
  const { deletedAt } = ownColumnNames(plan.columnPrefix);
  const live = await findTable(session, plan.table);
  if (live?.typeOf(deletedAt) === undefined) return;
  await session.run(`DELETE FROM ${quoteTable(namesOf(plan).live)} WHERE ${quoteName(deletedAt)} IS NOT NULL`);
}

async function applyDifference(session: Session, plan: LoadPlan, found: Difference): Promise<void> {
  const live = quoteTable(namesOf(plan).live);
  const assignments = assignmentsOf(plan);
  if (found.updates > 0 && assignments.length > 0) {
    await stepOffZero(session, plan);
    await session.run(
      `UPDATE ${live} AS l SET ${assignments.join(', ')} FROM ${CHANGED} AS s ` +
        `WHERE ${sameKey(keyColumns(plan), 'l', 's')} AND s.${KIND} = 'update'`,
    );
  }
  if (found.inserts === 0) return;
  const own = ownColumns(plan);
  const values = [listNames(plan.columns, 's'), ...own.map(({ value }) => value)].join(', ');
  await session.run(
    `INSERT INTO ${live} (${listNames([...plan.columns, ...own])}) SELECT ${values} FROM ${CHANGED} AS s WHERE s.${KIND} = 'insert'`,
  );
}

/** DuckDB takes the update of a zero to a zero of the other sign for no change; by way of another number it is one. */
async function stepOffZero(session: Session, plan: LoadPlan): Promise<void> {
  const live = quoteTable(namesOf(plan).live);
  for (const { name, logicalType, isKey } of plan.columns) {
    if (isKey || logicalType.kind !== 'float') continue;
    const column = quoteName(name);
    await session.run(
      `UPDATE ${live} AS l SET ${column} = 1 FROM ${CHANGED} AS s ` +
        `WHERE ${sameKey(keyColumns(plan), 'l', 's')} AND s.${KIND} = 'update' ` +
        `AND l.${column} = 0 AND s.${column} = 0 AND signbit(l.${column}) <> signbit(s.${column})`,
    );
  }
}

async function removeMissing(session: Session, plan: LoadPlan, guard: LossGuard, lost: number): Promise<void> {
  await guardLoss(session, plan, guard, lost);
  await remove(session, plan, isDeleted(plan, 'l'));
}

/** Removes the live records of the plan's `removals`, and answers how many. */
async function removeListed(session: Session, plan: LoadPlan, guard: LossGuard): Promise<number> {
  const { removals = [] } = plan;
  if (removals.length === 0) return 0;
  await guardLoss(session, plan, guard, removals.length);
  let removed = 0;
  for (let start = 0; start < removals.length; start += KEYS_PER_STATEMENT) {
    const keys = removals.slice(start, start + KEYS_PER_STATEMENT).map((key) => `(${hasKey(plan, key)})`);
    removed += await remove(session, plan, `NOT ${isTombstone(plan, 'l')} AND (${keys.join(' OR ')})`);
  }
  return removed;
}

function hasKey(plan: LoadPlan, key: Readonly<Record<string, string | null>>): string {
  return keyColumns(plan)
    .map(({ name, field, logicalType }) => {
      const text = key[field] ?? null;
      const column = `l.${quoteName(name)}`;
      return text === null ? `${column} IS NULL` : `${column} = ${codecOf(logicalType).fromText(quoteText(text))}`;
    })
    .join(' AND ');
}

async function guardLoss(session: Session, plan: LoadPlan, guard: LossGuard, lost: number): Promise<void> {
  const live = quoteTable(namesOf(plan).live);
  assertLoss(plan, guard, lost, await count(session, `${live} AS l WHERE NOT ${isTombstone(plan, 'l')}`));
}

/** The live records `l` of a condition become tombstones, or go where the sync keeps none. Returns how many. */
function remove(session: Session, plan: LoadPlan, condition: string): Promise<number> {
  const live = quoteTable(namesOf(plan).live);
  if (!plan.tombstones) return session.run(`DELETE FROM ${live} AS l WHERE ${condition}`);
  const { updatedAt, deletedAt } = ownColumnNames(plan.columnPrefix);
  const stamped = [deletedAt, ...(plan.recordTimestamps ? [updatedAt] : [])];
  const assignments = stamped.map((name) => `${quoteName(name)} = ${stampOf(plan)}`).join(', ');
  return session.run(`UPDATE ${live} AS l SET ${assignments} WHERE ${condition}`);
}

function assignmentsOf(plan: LoadPlan): string[] {
  const { updatedAt, deletedAt } = ownColumnNames(plan.columnPrefix);
  const data = plan.columns.filter(({ isKey }) => !isKey);
  return [
    ...data.map(({ name }) => `${quoteName(name)} = s.${quoteName(name)}`),
    ...(plan.recordTimestamps ? [`${quoteName(updatedAt)} = ${stampOf(plan)}`] : []),
    ...(plan.tombstones ? [`${quoteName(deletedAt)} = NULL`] : []),
  ];
}

/** Without those that the live table refused. */
function countStaged(session: Session, plan: LoadPlan): Promise<number> {
  const { work, refused } = namesOf(plan);
  const from = `${quoteTable(work)} AS s`;
  if (refused === null) return count(session, from);
  const isRefused = `EXISTS (SELECT 1 FROM ${quoteTable(refused)} AS x WHERE ${sameKey(keyColumns(plan), 'x', 's')})`;
  return count(session, `${from} WHERE NOT ${isRefused}`);
}

async function count(session: Session, from: string): Promise<number> {
  const [row] = await session.rows(`SELECT count(*) AS records FROM ${from}`);
  return Number(row?.records);
}
