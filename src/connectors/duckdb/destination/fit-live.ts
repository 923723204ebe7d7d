import {
  listDefinitions,
  ownColumnNames,
  ownColumns,
  quoteName,
  quoteTable,
  type Session,
} from '../../../connector-kit/duckdb/index.ts';
import type { LoadPlan } from '../../../connector-kit/index.ts';
import { SyncError } from '../../../core/index.ts';
import { type CatalogueTable, findTable } from './catalogue.ts';
import { namesOf } from './load-names.ts';
import { sameRecord } from './same-record.ts';
import { isAdopted } from './state.ts';
import { commonType, holdsType } from './type-fit.ts';

/** A live column that must get another type before it can hold what the source has now. */
export interface TypeChange {
  readonly name: string;
  readonly from: string;
  readonly to: string;
  /** True when the new type holds every value of the old one. */
  readonly isWidening: boolean;
}

/** Makes the live table, or adds the columns that it lacks. @throws `TABLE_DIFFERS` when it will never hold the records */
export async function fitLive(session: Session, plan: LoadPlan, live: CatalogueTable | null): Promise<void> {
  const wanted = [...plan.columns, ...ownColumns(plan)];
  const name = quoteTable(plan.table);
  if (live === null) {
    await session.run(`CREATE TABLE ${name} (${listDefinitions(wanted)})`);
    return;
  }
  await refuseUnfit(plan, live, () => isAdopted(session, plan));
  refuseGaps(plan, live);
  for (const column of wanted) {
    if (live.typeOf(column.name) === undefined)
      await session.run(`ALTER TABLE ${name} ADD COLUMN ${listDefinitions([column])}`);
  }
}

/** A new field makes a read complete, so what a delta misses was taken away by another hand: old records would lack it. @throws `TABLE_DIFFERS` */
export function refuseGaps(plan: LoadPlan, live: CatalogueTable): void {
  const gap = plan.columns.find(({ name }) => live.typeOf(name) === undefined);
  if (plan.kind !== 'delta' || gap === undefined) return;
  throw new SyncError(
    'TABLE_DIFFERS',
    `The table ${plan.table.schema}.${plan.table.name} has lost its column ${gap.name}, and only changed records were read. No record was changed. Start once with resync_mode refetch, which fills it for all records.`,
    { detail: { column: gap.name } },
  );
}

/**
 * Gives columns wider or other types, and lets go of those that the source no longer fills. DuckDB changes no type behind
 * other changes of the same transaction, so this comes first. @throws `TABLE_DIFFERS`
 */
export async function alterLive(session: Session, plan: LoadPlan, contents: 'kept' | 'emptied'): Promise<void> {
  const live = await findTable(session, plan.table);
  if (live === null) return;
  const [changes, forsaken] = [listTypeChanges(plan, live), listForsaken(plan, live)];
  if (changes.length + forsaken.length === 0) return;
  await refuseUnfit(plan, live, () => isAdopted(session, plan));
  for (const name of forsaken)
    await session.run(`ALTER TABLE ${quoteTable(plan.table)} ALTER ${quoteName(name)} DROP NOT NULL`);
  for (const change of changes) {
    const using = contents === 'emptied' ? 'NULL' : await toConversion(session, plan, live, change);
    await alterType(session, plan, change, using);
  }
}

/** A column that holds more than the plan asks for stays as it is. */
export function listTypeChanges(plan: LoadPlan, live: CatalogueTable): readonly TypeChange[] {
  return plan.columns.flatMap(({ name, type }) => {
    const from = live.typeOf(name);
    if (from === undefined || holdsType(from, type)) return [];
    const common = commonType(from, type);
    return [{ name, from, to: common ?? type, isWidening: common !== null }];
  });
}

/** Columns that the source fills no more and that would refuse every new record. */
export function listForsaken(plan: LoadPlan, live: CatalogueTable): readonly string[] {
  const filled = [...plan.columns.map(({ name }) => name), ...Object.values(ownColumnNames(plan.columnPrefix))];
  const names = new Set(filled.map((name) => name.toLowerCase()));
  return live.required.filter((name) => !names.has(name.toLowerCase()));
}

/**
 * Looks whether the live table can be made to hold the plan's records; who made it is asked only when types differ.
 * @throws `TABLE_DIFFERS` naming the first column that cannot
 */
export async function refuseUnfit(
  plan: LoadPlan,
  live: CatalogueTable,
  isAdoptedTable: () => Promise<boolean>,
): Promise<void> {
  const own = ownColumns(plan).find(({ name, type }) => (live.typeOf(name) ?? type) !== type);
  if (own !== undefined)
    throw differs(
      plan,
      { name: own.name, from: live.typeOf(own.name) ?? '', to: own.type },
      'it is a column of Millrace’s own',
    );
  const changes = listTypeChanges(plan, live);
  const [change] = changes;
  if (change === undefined) return;
  if (await isAdoptedTable())
    throw differs(plan, change, 'Millrace did not make this table, so it leaves its types alone');
  const bound = changes.find(({ name }) => live.isBound(name));
  if (bound !== undefined) throw differs(plan, bound, 'DuckDB changes no type under an index or a constraint');
}

async function toConversion(
  session: Session,
  plan: LoadPlan,
  live: CatalogueTable,
  change: TypeChange,
): Promise<string> {
  const column = quoteName(change.name);
  if (change.isWidening) return `CAST(${column} AS ${change.to})`;
  const { work } = namesOf(plan);
  // What the stage has is written anew anyway, so that only the other records need an exact form.
  const isStaged =
    plan.kind === 'delta' || plan.columns.some(({ name, isKey }) => isKey && name === change.name)
      ? 'false'
      : `EXISTS (SELECT 1 FROM ${quoteTable(work)} AS s WHERE ${sameRecord(plan, live)})`;
  const [inexact] = await session.rows(
    `SELECT 1 FROM ${quoteTable(plan.table)} AS l WHERE ${isInexact(`l.${column}`, change)} AND NOT ${isStaged} LIMIT 1`,
  );
  if (inexact !== undefined)
    throw differs(plan, change, 'records that are not read now hold values which have no exact form in that type');
  return toType(column, change.to);
}

/** SQL of a value in another type, by way of its text; NULL where it has no form there. */
export function toType(value: string, to: string): string {
  return `TRY_CAST(CAST(${value} AS VARCHAR) AS ${to})`;
}

/** SQL that is true where a value does not survive the way to the new type and back. */
export function isInexact(value: string, { from, to }: Pick<TypeChange, 'from' | 'to'>): string {
  return `(${toType(toType(value, to), from)} IS DISTINCT FROM ${value})`;
}

async function alterType(session: Session, plan: LoadPlan, change: TypeChange, using: string): Promise<void> {
  try {
    await session.run(
      `ALTER TABLE ${quoteTable(plan.table)} ALTER ${quoteName(change.name)} TYPE ${change.to} USING ${using}`,
    );
  } catch (error) {
    if (!(error instanceof SyncError) || error.kind === 'transient') throw error;
    throw new SyncError('TABLE_DIFFERS', differs(plan, change, `changing it failed: ${error.message}`).message, {
      cause: error,
    });
  }
}

function differs(plan: LoadPlan, change: Pick<TypeChange, 'name' | 'from' | 'to'>, why: string): SyncError {
  const { schema, name } = plan.table;
  return new SyncError(
    'TABLE_DIFFERS',
    `The table ${schema}.${name} cannot take the records of ${plan.schemaId}: its column ${change.name} is ${change.from}, the source’s values need ${change.to} now, and ${why}. No record was changed. Change the column yourself, or start with resync_mode rebuild to have the table made anew.`,
    { detail: { column: change.name, liveType: change.from, plannedType: change.to } },
  );
}
