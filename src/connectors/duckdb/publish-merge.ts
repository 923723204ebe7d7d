import type { LoadPlan, LossGuard } from '../../connector-kit/index.ts';
import type { Session } from './client.ts';
import { differs, keyColumns, listNames, ownColumnNames, ownColumns, sameKey, stampOf } from './columns.ts';
import { assertLoss } from './guard.ts';
import { namesOf } from './load-names.ts';
import { quoteName, quoteTable } from './sql.ts';

/** What became of the records, by kind. */
export interface AppliedCounts {
  readonly inserted: number;
  readonly updated: number;
  readonly unchanged: number;
  readonly deleted: number;
}

/** Applies the difference between stage and live table. Runs in the publication's transaction. */
export async function mergeIntoLive(session: Session, plan: LoadPlan, guard: LossGuard): Promise<AppliedCounts> {
  const deleted = plan.kind === 'merge' ? await removeMissing(session, plan, guard) : 0;
  const { inserted, updated } = await upsert(session, plan, 'true');
  const staged = await count(session, `${quoteTable(namesOf(plan).work)} AS s WHERE NOT ${isRefused(plan, 's')}`);
  return { inserted, updated, unchanged: staged - inserted - updated, deleted };
}

/** Updates and inserts the staged records `s` that a condition names and that were not refused. */
export async function upsert(
  session: Session,
  plan: LoadPlan,
  condition: string,
): Promise<Pick<AppliedCounts, 'inserted' | 'updated'>> {
  const { live, work } = namesOf(plan);
  const keys = keyColumns(plan);
  const staged = `${condition} AND NOT ${isRefused(plan, 's')}`;
  await stepOffZero(session, plan, staged);
  const assignments = assignmentsOf(plan);
  const updated =
    assignments.length === 0
      ? 0
      : await session.run(
          `UPDATE ${quoteTable(live)} AS l SET ${assignments.join(', ')} FROM ${quoteTable(work)} AS s ` +
            `WHERE ${sameKey(keys, 'l', 's')} AND ${staged} AND (${[differs(plan, 'l', 's'), ...isTombstone(plan)].join(' OR ')})`,
        );
  const own = ownColumns(plan);
  const values = [listNames(plan.columns, 's'), ...own.map(({ value }) => value)].join(', ');
  const inserted = await session.run(
    `INSERT INTO ${quoteTable(live)} (${listNames([...plan.columns, ...own])}) SELECT ${values} FROM ${quoteTable(work)} AS s ` +
      `WHERE ${staged} AND NOT EXISTS (SELECT 1 FROM ${quoteTable(live)} AS l WHERE ${sameKey(keys, 'l', 's')})`,
  );
  return { inserted, updated };
}

/** DuckDB takes the update of a zero to a zero of the other sign for no change; by way of another number it is one. */
async function stepOffZero(session: Session, plan: LoadPlan, staged: string): Promise<void> {
  const { live, work } = namesOf(plan);
  for (const { name, logicalType, isKey } of plan.columns) {
    if (isKey || logicalType.kind !== 'float') continue;
    const column = quoteName(name);
    await session.run(
      `UPDATE ${quoteTable(live)} AS l SET ${column} = 1 FROM ${quoteTable(work)} AS s ` +
        `WHERE ${sameKey(keyColumns(plan), 'l', 's')} AND ${staged} ` +
        `AND l.${column} = 0 AND s.${column} = 0 AND signbit(l.${column}) <> signbit(s.${column})`,
    );
  }
}

/** A record that the source has and the destination refused keeps its last good version. */
async function removeMissing(session: Session, plan: LoadPlan, guard: LossGuard): Promise<number> {
  const { live, work } = namesOf(plan);
  const isStaged = `EXISTS (SELECT 1 FROM ${quoteTable(work)} AS s WHERE ${sameKey(keyColumns(plan), 's', 'l')})`;
  const isLive = isTombstone(plan).map((condition) => `NOT (${condition})`);
  const alive = ['true', ...isLive].join(' AND ');
  const missing = `${alive} AND NOT ${isStaged} AND NOT ${isRefused(plan, 'l')}`;
  const lost = await count(session, `${quoteTable(live)} AS l WHERE ${missing}`);
  if (lost === 0) return 0;
  assertLoss(plan, guard, lost, await count(session, `${quoteTable(live)} AS l WHERE ${alive}`));
  if (!plan.tombstones) return session.run(`DELETE FROM ${quoteTable(live)} AS l WHERE ${missing}`);
  const { updatedAt, deletedAt } = ownColumnNames(plan.columnPrefix);
  const stamped = [deletedAt, ...(plan.recordTimestamps ? [updatedAt] : [])];
  const assignments = stamped.map((name) => `${quoteName(name)} = ${stampOf(plan)}`).join(', ');
  return session.run(`UPDATE ${quoteTable(live)} AS l SET ${assignments} WHERE ${missing}`);
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

function isTombstone(plan: LoadPlan): string[] {
  return plan.tombstones ? [`l.${quoteName(ownColumnNames(plan.columnPrefix).deletedAt)} IS NOT NULL`] : [];
}

function isRefused(plan: LoadPlan, alias: string): string {
  const { refused } = namesOf(plan);
  if (refused === null) return 'false';
  return `EXISTS (SELECT 1 FROM ${quoteTable(refused)} AS x WHERE ${sameKey(keyColumns(plan), 'x', alias)})`;
}

async function count(session: Session, from: string): Promise<number> {
  const [row] = await session.rows(`SELECT count(*) AS records FROM ${from}`);
  return Number(row?.records);
}
