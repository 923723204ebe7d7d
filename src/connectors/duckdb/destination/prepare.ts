import {
  assertDistinctNames,
  keyColumns,
  listDefinitions,
  ownColumnNames,
  ownColumns,
  quoteName,
  quoteTable,
  type Session,
} from '../../../connector-kit/duckdb/index.ts';
import type { LoadPlan } from '../../../connector-kit/index.ts';
import { SyncError } from '../../../core/index.ts';
import { type CatalogueTable, findTable, findTablesByPrefix } from './catalogue.ts';
import { fitLive } from './fit-live.ts';
import { listForsaken } from './history.ts';
import { generationOf, namesOf, workPrefix } from './load-names.ts';
import {
  endAdoption,
  ensureState,
  findOwner,
  findPublication,
  forgetGenerations,
  isAdopted,
  isOwner,
  type Owner,
  ownedBy,
  ownsAnother,
  raiseFence,
  setOwner,
} from './state.ts';

/** See `Load.prepare`. Runs in one transaction. */
export async function prepareLoad(session: Session, plan: LoadPlan): Promise<void> {
  assertDistinctNames(plan);
  await ensureState(session);
  await session.run(`CREATE SCHEMA IF NOT EXISTS ${quoteName(plan.table.schema)}`);
  const live = await findTable(session, plan.table);
  await claimTable(session, plan, live);
  await raiseFence(session, plan);
  await dropGenerations(session, plan, plan.generation - 1);
  if ((await findPublication(session, plan)) !== null) return;
  if (plan.kind !== 'replace') await fitLive(session, plan, live);
  // Said before the source is read, and again at the publication.
  else if (live !== null && plan.replacement === 'rebuild') refuseRebuild(plan, live);
  await makeWorkTables(session, plan);
}

/** Drops the work tables and the state of every generation up to one. Owner and fence stay. */
export async function dropGenerations(session: Session, schema: Owner, upTo: number): Promise<void> {
  const prefix = workPrefix(schema.syncId, schema.schemaId);
  for (const table of await findTablesByPrefix(session, prefix)) {
    const generation = generationOf(table.name, prefix);
    if (generation !== null && generation <= upTo) await session.run(`DROP TABLE ${quoteTable(table)}`);
  }
  await forgetGenerations(session, schema, upTo);
}

/** @throws `TABLE_DIFFERS` when a new table would lack what somebody has given the old one */
export function refuseRebuild(plan: LoadPlan, live: CatalogueTable): void {
  if (!live.hasRules) return;
  throw new SyncError(
    'TABLE_DIFFERS',
    `The table ${nameOf(plan)} cannot be made anew, because it has constraints, indexes, defaults or comments that Millrace did not make. No record was changed. Drop them first, or start with resync_mode resync, which keeps the table.`,
  );
}

/** With `adopt`, the engine has made sure that the owner's sync is gone. */
async function claimTable(session: Session, plan: LoadPlan, live: CatalogueTable | null): Promise<void> {
  if (live !== null) refuseView(plan, live);
  const owner = await findOwner(session, plan.table);
  if (owner !== null && isOwner(owner, plan)) {
    // What was adopted is gone.
    if (live === null) await endAdoption(session, plan);
    return;
  }
  if (owner !== null && !plan.adopt && (live !== null || (await isLoading(session, owner)))) throw ownedBy(plan, owner);
  if (live !== null) assertAdoptable(plan, live);
  if (owner !== null && !(await ownsAnother(session, owner, plan.table)))
    await dropGenerations(session, owner, Number.MAX_SAFE_INTEGER);
  const adopted = live !== null && (owner === null || (await isAdopted(session, plan)));
  await setOwner(session, plan, adopted);
}

/** True while the owner of a table that does not exist yet has work tables. */
async function isLoading(session: Session, owner: Owner): Promise<boolean> {
  return (await findTablesByPrefix(session, workPrefix(owner.syncId, owner.schemaId))).length > 0;
}

/** @throws `TABLE_DIFFERS` for a view */
export function refuseView(plan: LoadPlan, live: CatalogueTable): void {
  if (live.isView) throw differs(plan, 'it is a view');
}

/** @throws `TABLE_NOT_OURS` without `adopt`; `TABLE_DIFFERS` when taking the table over would lose values */
export function assertAdoptable(plan: LoadPlan, live: CatalogueTable): void {
  if (!plan.adopt) {
    throw new SyncError(
      'TABLE_NOT_OURS',
      `The table ${nameOf(plan)} exists and was not made by Millrace. Set adopt in the sync's settings to take it over, or choose another output name.`,
    );
  }
  const [extra] = listForsaken(plan, live);
  if (plan.kind === 'replace' && extra !== undefined) {
    throw differs(plan, `its column ${extra} is not part of the sync, and replacing all records would lose its values`);
  }
  const missingKey = keyColumns(plan).find(({ name }) => live.typeOf(name) === undefined);
  if (plan.kind !== 'replace' && missingKey !== undefined)
    throw differs(plan, `it lacks the key's column ${missingKey.name}`);
}

async function makeWorkTables(session: Session, plan: LoadPlan): Promise<void> {
  const { work, refused } = namesOf(plan);
  const columns = refused === null ? [...plan.columns, ...ownColumns(plan)] : plan.columns;
  await session.run(`CREATE TABLE IF NOT EXISTS ${quoteTable(work)} (${listDefinitions(columns)})`);
  if (refused === null) return;
  await session.run(`CREATE TABLE IF NOT EXISTS ${quoteTable(refused)} (${listDefinitions(keyColumns(plan))})`);
}

/** True for a column that Millrace itself adds under this prefix. */
export function isOwnColumn(name: string, prefix: string): boolean {
  return Object.values(ownColumnNames(prefix)).some((own) => own.toLowerCase() === name.toLowerCase());
}

function differs(plan: LoadPlan, why: string): SyncError {
  return new SyncError(
    'TABLE_DIFFERS',
    `The table ${nameOf(plan)} cannot take the records of ${plan.schemaId}: ${why}. Change the table, or choose another output name.`,
  );
}

function nameOf(plan: LoadPlan): string {
  return `${plan.table.schema}.${plan.table.name}`;
}
