import {
  assertLoss,
  keyColumns,
  listNames,
  ownColumns,
  quoteName,
  quoteTable,
  type Session,
} from '../../../connector-kit/duckdb/index.ts';
import type { LoadPlan, LossGuard } from '../../../connector-kit/index.ts';
import { type CatalogueTable, findTable } from './catalogue.ts';
import { guardCompleteColumns } from './column-loss.ts';
import { alterLive, fitLive } from './fit-live.ts';
import { carryHistory, countMissing, isAlive, listForsaken, sampleMissing } from './history.ts';
import { namesOf } from './load-names.ts';
import { refuseRebuild } from './prepare.ts';
import type { AppliedCounts } from './publish-merge.ts';
import { endAdoption, isAdopted } from './state.ts';
import { commonType } from './type-fit.ts';

/** Puts the shadow in the live table's place. Runs in the publication's transaction, behind `makeRoom`. */
export async function replaceLive(session: Session, plan: LoadPlan, guard: LossGuard): Promise<AppliedCounts> {
  const live = await findTable(session, plan.table);
  const inserted = await count(session, quoteTable(namesOf(plan).work));
  const deleted = live === null ? 0 : await retire(session, plan, live, inserted, guard);
  if (live !== null && (await mustStay(session, plan, live))) {
    await refill(session, plan, 'true', listForsaken(plan, live));
    await session.run(`DROP TABLE ${quoteTable(namesOf(plan).work)}`);
  } else {
    await swap(session, plan, live);
  }
  return { inserted, updated: 0, unchanged: 0, deleted };
}

async function mustStay(session: Session, plan: LoadPlan, live: CatalogueTable): Promise<boolean> {
  if (plan.replacement === 'in_place') return true;
  return plan.replacement === 'auto' && (live.hasRules || (await isAdopted(session, plan)));
}

/**
 * Empties the live table and fills it from the shadow's records `s` that a condition names; its rules stay.
 * `carried`: columns outside of the plan whose values the shadow has.
 */
export async function refill(
  session: Session,
  plan: LoadPlan,
  condition: string,
  carried: readonly string[] = [],
): Promise<void> {
  const { live, work } = namesOf(plan);
  const columns = [...plan.columns, ...ownColumns(plan), ...carried.map((name) => ({ name }))];
  await fitLive(session, plan, await findTable(session, live));
  await alterLive(session, plan, 'emptied');
  await session.run(`DELETE FROM ${quoteTable(live)}`);
  await session.run(
    `INSERT INTO ${quoteTable(live)} (${listNames(columns)}) SELECT ${listNames(columns, 's')} FROM ${quoteTable(work)} AS s WHERE ${condition}`,
  );
}

/** Views find their table by name when they are read, so they survive. */
async function swap(session: Session, plan: LoadPlan, live: CatalogueTable | null): Promise<void> {
  if (live !== null) await session.run(`DROP TABLE ${quoteTable(live.table)}`);
  await endAdoption(session, plan);
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
  if (plan.replacement === 'rebuild') refuseRebuild(plan, live);
  const keys = keyColumns(plan);
  const alive = isAlive(plan, live);
  const before = await count(session, `${quoteTable(live.table)} AS l WHERE ${alive}`);
  const canCompare =
    keys.length > 0 && keys.every(({ name, type }) => commonType(live.typeOf(name) ?? '', type) !== null);
  const isCounted = canCompare && !(await isAllowedByFar(session, plan, live, { before, guard }));
  const lost = isCounted ? await countMissing(session, plan, live, before) : Math.max(0, before - incoming);
  assertLoss(plan, guard, lost, before);
  await guardCompleteColumns(session, plan, live, { live: before, touched: before }, guard);
  // A rebuilt table begins anew.
  if (plan.replacement !== 'rebuild') await carryHistory(session, plan, live);
  return lost;
}

/** Live records from which on a sample is asked first: comparing all takes long, and memory. */
const MANY_RECORDS = 100_000;
/** How far a sample may err; of so many keys it never errs by a tenth of that. */
const MARGIN_PERCENT = 20;

/** Tombstones are made of exactly the records that are lost, so those are counted. */
async function isAllowedByFar(
  session: Session,
  plan: LoadPlan,
  live: CatalogueTable,
  { before, guard }: { readonly before: number; readonly guard: LossGuard },
): Promise<boolean> {
  if (plan.tombstones || before < MANY_RECORDS) return false;
  if (guard.maxLossPercent >= 100) return true;
  const missing = await sampleMissing(session, plan, live, before);
  return missing !== null && missing + MARGIN_PERCENT <= guard.maxLossPercent;
}

async function count(session: Session, from: string): Promise<number> {
  const [row] = await session.rows(`SELECT count(*) AS records FROM ${from}`);
  return Number(row?.records);
}
