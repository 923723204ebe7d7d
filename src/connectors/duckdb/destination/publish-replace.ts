import {
  assertLoss,
  keyColumns,
  listNames,
  ownColumnNames,
  ownColumns,
  quoteName,
  quoteTable,
  type Session,
  sameKey,
  stampOf,
} from '../../../connector-kit/duckdb/index.ts';
import type { LoadColumn, LoadPlan, LossGuard } from '../../../connector-kit/index.ts';
import { SyncError } from '../../../core/index.ts';
import { type CatalogueTable, findTable } from './catalogue.ts';
import { namesOf } from './load-names.ts';
import { fitLive, refuseRebuild } from './prepare.ts';
import type { AppliedCounts } from './publish-merge.ts';

/** Puts the shadow in the live table's place. Runs in the publication's transaction. */
export async function replaceLive(session: Session, plan: LoadPlan, guard: LossGuard): Promise<AppliedCounts> {
  const live = await findTable(session, plan.table);
  if (live !== null && plan.replacement === 'rebuild') refuseRebuild(plan, live);
  const inserted = await count(session, quoteTable(namesOf(plan).work));
  const deleted = live === null ? 0 : await retire(session, plan, live, inserted, guard);
  if (live !== null && (plan.replacement === 'in_place' || (live.hasRules && plan.replacement === 'auto'))) {
    await refill(session, plan, 'true');
    await session.run(`DROP TABLE ${quoteTable(namesOf(plan).work)}`);
  } else {
    await swap(session, plan, live);
  }
  return { inserted, updated: 0, unchanged: 0, deleted };
}

/** Empties the live table and fills it from the shadow's records `s` that a condition names; its rules stay. */
export async function refill(session: Session, plan: LoadPlan, condition: string): Promise<void> {
  const { live, work } = namesOf(plan);
  const columns = [...plan.columns, ...ownColumns(plan)];
  await fitLive(session, plan, await findTable(session, live));
  await session.run(`DELETE FROM ${quoteTable(live)}`);
  await session.run(
    `INSERT INTO ${quoteTable(live)} (${listNames(columns)}) SELECT ${listNames(columns, 's')} FROM ${quoteTable(work)} AS s WHERE ${condition}`,
  );
}

/** Views find their table by name when they are read, so they survive. */
async function swap(session: Session, plan: LoadPlan, live: CatalogueTable | null): Promise<void> {
  if (live !== null) await session.run(`DROP TABLE ${quoteTable(live.table)}`);
  await session.run(`ALTER TABLE ${quoteTable(namesOf(plan).work)} RENAME TO ${quoteName(plan.table.name)}`);
}

/** Guards the loss, and carries over to the shadow what shall outlive the old records. Returns how many are lost. */
async function retire(
  session: Session,
  plan: LoadPlan,
  live: CatalogueTable,
  incoming: number,
  guard: LossGuard,
): Promise<number> {
  const { work } = namesOf(plan);
  const { deletedAt } = ownColumnNames(plan.columnPrefix);
  const keys = keyColumns(plan);
  const alive = hasColumn(live, deletedAt) ? `l.${quoteName(deletedAt)} IS NULL` : 'true';
  const before = await count(session, `${quoteTable(live.table)} AS l WHERE ${alive}`);
  const canCompare = keys.length > 0 && keys.every((key) => hasColumn(live, key.name, key.type));
  const missing = `NOT EXISTS (SELECT 1 FROM ${quoteTable(work)} AS s WHERE ${sameKey(keys, 's', 'l')})`;
  const lost = canCompare
    ? await count(session, `${quoteTable(live.table)} AS l WHERE ${alive} AND ${missing}`)
    : Math.max(0, before - incoming);
  assertLoss(plan, guard, lost, before);
  // A rebuilt table begins anew.
  if (canCompare && plan.replacement !== 'rebuild') {
    await carryCreation(session, plan, live);
    if (plan.tombstones) await carryTombstones(session, plan, live, missing);
  }
  return lost;
}

async function carryCreation(session: Session, plan: LoadPlan, live: CatalogueTable): Promise<void> {
  const { createdAt } = ownColumnNames(plan.columnPrefix);
  if (!plan.recordTimestamps || !hasColumn(live, createdAt)) return;
  const column = quoteName(createdAt);
  await session.run(
    `UPDATE ${quoteTable(namesOf(plan).work)} AS s SET ${column} = l.${column} FROM ${quoteTable(live.table)} AS l ` +
      `WHERE ${sameKey(keyColumns(plan), 's', 'l')} AND l.${column} IS NOT NULL`,
  );
}

async function carryTombstones(session: Session, plan: LoadPlan, live: CatalogueTable, missing: string): Promise<void> {
  const columns = [...plan.columns, ...ownColumns(plan)];
  const values = [...plan.columns.map((column) => oldValue(live, column)), ...oldOwnValues(plan, live)];
  try {
    await session.run(
      `INSERT INTO ${quoteTable(namesOf(plan).work)} (${listNames(columns)}) ` +
        `SELECT ${values.join(', ')} FROM ${quoteTable(live.table)} AS l WHERE ${missing}`,
    );
  } catch (error) {
    if (!(error instanceof SyncError && error.code === 'RECORD_REFUSED')) throw error;
    throw new SyncError(
      'TABLE_DIFFERS',
      `Publishing ${plan.schemaId} to ${plan.table.schema}.${plan.table.name} stopped: a deleted record cannot be kept, because a column has changed its type. Drop the table's tombstones or give the field another output name.`,
    );
  }
}

function oldValue(live: CatalogueTable, column: LoadColumn): string {
  const name = `l.${quoteName(column.name)}`;
  if (!hasColumn(live, column.name)) return `NULL::${column.type}`;
  return hasColumn(live, column.name, column.type) ? name : `CAST(${name} AS ${column.type})`;
}

function oldOwnValues(plan: LoadPlan, live: CatalogueTable): string[] {
  const { createdAt, updatedAt, deletedAt } = ownColumnNames(plan.columnPrefix);
  const stamp = stampOf(plan);
  const old = (name: string) => (hasColumn(live, name) ? `l.${quoteName(name)}` : 'NULL');
  const values: Readonly<Record<string, string>> = {
    [createdAt]: `coalesce(${old(createdAt)}, ${stamp})`,
    [updatedAt]: `CASE WHEN ${old(deletedAt)} IS NULL THEN ${stamp} ELSE coalesce(${old(updatedAt)}, ${stamp}) END`,
    [deletedAt]: `coalesce(${old(deletedAt)}, ${stamp})`,
  };
  return ownColumns(plan).map(({ name }) => values[name] ?? 'NULL');
}

function hasColumn(table: CatalogueTable, name: string, type?: string): boolean {
  return table.columns.some(
    (column) => column.name.toLowerCase() === name.toLowerCase() && (type === undefined || column.type === type),
  );
}

async function count(session: Session, from: string): Promise<number> {
  const [row] = await session.rows(`SELECT count(*) AS records FROM ${from}`);
  return Number(row?.records);
}
