import {
  keyColumns,
  listNames,
  ownColumnNames,
  ownColumns,
  quoteName,
  quoteTable,
  type Session,
  stampOf,
} from '../../../connector-kit/duckdb/index.ts';
import type { LoadPlan } from '../../../connector-kit/index.ts';
import { SyncError } from '../../../core/index.ts';
import type { CatalogueTable } from './catalogue.ts';
import { isInexact, toType } from './fit-live.ts';
import { namesOf } from './load-names.ts';
import { sameRecord } from './same-record.ts';
import { isAdopted } from './state.ts';
import { commonType, holdsType } from './type-fit.ts';

/**
 * Gives the shadow room for what shall outlive the old records: columns that the source no longer fills, and types that
 * hold the values of tombstones. DuckDB alters no table behind other changes of the same transaction, so this comes first.
 */
export async function makeRoom(session: Session, plan: LoadPlan, live: CatalogueTable): Promise<void> {
  if (plan.replacement === 'rebuild') return;
  const work = quoteTable(namesOf(plan).work);
  const forsaken = listForsaken(plan, live);
  for (const name of forsaken)
    await session.run(`ALTER TABLE ${work} ADD COLUMN ${quoteName(name)} ${live.typeOf(name)}`);
  if (!plan.tombstones || !(await isKeyKnown(session, plan, live)) || !(await hasMissing(session, plan, live))) return;
  for (const { name, type } of plan.columns) {
    const to = commonType(live.typeOf(name) ?? type, type) ?? type;
    if (to !== type) await session.run(`ALTER TABLE ${work} ALTER ${quoteName(name)} TYPE ${to}`);
  }
}

/**
 * Carries over to the shadow the first time of known records, the values of columns that the source no longer fills, and
 * with tombstones those of records that are missing still or now.
 * @throws `TABLE_DIFFERS` when a tombstone has no place under the new key or in the new types
 */
export async function carryHistory(session: Session, plan: LoadPlan, live: CatalogueTable): Promise<void> {
  if (keyColumns(plan).length === 0) return;
  if (!(await isKeyKnown(session, plan, live))) {
    if (plan.tombstones) await refuseNamelessTombstones(session, plan, live);
    return;
  }
  await carryValues(session, plan, live);
  if (plan.tombstones && (await hasMissing(session, plan, live))) await carryTombstones(session, plan, live);
}

/** Columns of the live table that neither the plan nor Millrace fills. */
export function listForsaken(plan: LoadPlan, live: CatalogueTable): readonly string[] {
  const filled = [...plan.columns.map(({ name }) => name), ...Object.values(ownColumnNames(plan.columnPrefix))];
  const names = new Set(filled.map((name) => name.toLowerCase()));
  return live.columns.map(({ name }) => name).filter((name) => !names.has(name.toLowerCase()));
}

/** SQL that is true for a live record that is no tombstone. */
export function isAlive(plan: LoadPlan, live: CatalogueTable): string {
  const { deletedAt } = ownColumnNames(plan.columnPrefix);
  return live.typeOf(deletedAt) === undefined ? 'true' : `l.${quoteName(deletedAt)} IS NULL`;
}

/** True when the live records can be named by the plan's key, so that old and new ones can be told to be the same. */
async function isKeyKnown(session: Session, plan: LoadPlan, live: CatalogueTable): Promise<boolean> {
  const keys = keyColumns(plan);
  if (keys.length === 0 || keys.some(({ name }) => live.typeOf(name) === undefined)) return false;
  const others = keys.flatMap(({ name, type }) => {
    const from = live.typeOf(name) ?? type;
    return commonType(from, type) === null ? [isInexact(`l.${quoteName(name)}`, { from, to: type })] : [];
  });
  if (others.length === 0) return true;
  const [inexact] = await session.rows(`SELECT 1 FROM ${liveOf(plan)} WHERE ${others.join(' OR ')} LIMIT 1`);
  return inexact === undefined;
}

function liveOf(plan: LoadPlan): string {
  return `${quoteTable(plan.table)} AS l`;
}

/** FROM and WHERE of the live records that the shadow does not have; `isIn`: SQL that is true for those of an alias that are looked at. */
function missingRecords(plan: LoadPlan, live: CatalogueTable, isIn = (_alias: 's' | 'l') => 'true'): string {
  const { work } = namesOf(plan);
  const isHad = `EXISTS (SELECT 1 FROM ${quoteTable(work)} AS s WHERE ${sameRecord(plan, live)} AND ${isIn('s')})`;
  return `${liveOf(plan)} WHERE NOT ${isHad} AND ${isIn('l')}`;
}

/** Keys that are compared at once, in some 40 MB: memory must not grow with the table. */
const KEYS_AT_ONCE = 1_000_000;
/** Each part reads all keys, so that there must not be any number of them; what is too much then DuckDB spills. */
const MOST_PARTS = 16;
/** Types whose equal values have one hash, as those with two zeros may not. */
const HASHED =
  /^(U?(TINY|SMALL|BIG|HUGE)INT|U?INTEGER|VARCHAR|UUID|BLOB|DATE|TIMESTAMP( WITH TIME ZONE|_S|_MS|_NS)?|DECIMAL\(.*\))$/;

/**
 * How many live records that are alive the shadow does not have.
 * `records`: about how many the live table has. `keysAtOnce`: for tests.
 */
export async function countMissing(
  session: Session,
  plan: LoadPlan,
  live: CatalogueTable,
  records: number,
  keysAtOnce: number = KEYS_AT_ONCE,
): Promise<number> {
  const canPart = records > keysAtOnce && (await isHashed(session, plan, live));
  const parts = canPart ? Math.min(MOST_PARTS, Math.ceil(records / keysAtOnce)) : 1;
  let missing = 0;
  for (let part = 0; part < parts; part += 1) {
    const isIn = partOf(plan, part, parts);
    const from = `${missingRecords(plan, live, isIn)} AND ${isAlive(plan, live)}`;
    const count = () => session.rows(`SELECT count(*) AS records FROM ${from}`);
    const [row] = await (parts === 1 ? count() : session.sparingly(count));
    missing += Number(row?.records);
  }
  return missing;
}

/** Enough to tell a share to a percent, whatever the table's size. */
const SAMPLED_KEYS = 100_000;

/**
 * The share of the live records, in percent, that the shadow does not have, by about a hundred thousand of them or by all
 * where there are fewer. They are chosen by their keys' hashes, so in no order; null for keys that have none.
 * @param records about how many the live table has
 */
export async function sampleMissing(
  session: Session,
  plan: LoadPlan,
  live: CatalogueTable,
  records: number,
): Promise<number | null> {
  if (!(await isHashed(session, plan, live))) return null;
  const isIn = partOf(plan, 0, Math.max(1, Math.floor(records / SAMPLED_KEYS)));
  const alive = isAlive(plan, live);
  const [seen] = await session.rows(`SELECT count(*) AS records FROM ${liveOf(plan)} WHERE ${isIn('l')} AND ${alive}`);
  if (Number(seen?.records) === 0) return null;
  const [missing] = await session.rows(
    `SELECT count(*) AS records FROM ${missingRecords(plan, live, isIn)} AND ${alive}`,
  );
  return (Number(missing?.records) * 100) / Number(seen?.records);
}

/** Text of a table that another tool made may be compared by rules that a hash knows nothing of. */
async function isHashed(session: Session, plan: LoadPlan, live: CatalogueTable): Promise<boolean> {
  const isAlike = keyColumns(plan).every(({ name, type }) => live.typeOf(name) === type && HASHED.test(type));
  return isAlike && !(await isAdopted(session, plan));
}

/** Which records are in one of so many parts of their keys. */
function partOf(plan: LoadPlan, part: number, parts: number): (alias: 's' | 'l') => string {
  if (parts === 1) return () => 'true';
  const names = keyColumns(plan).map(({ name }) => quoteName(name));
  // A join finds its places by the lower bits.
  return (alias) => `(hash(${names.map((name) => `${alias}.${name}`).join(', ')}) >> 32) % ${parts} = ${part}`;
}

async function hasMissing(session: Session, plan: LoadPlan, live: CatalogueTable): Promise<boolean> {
  return (await session.rows(`SELECT 1 FROM ${missingRecords(plan, live)} LIMIT 1`)).length > 0;
}

async function refuseNamelessTombstones(session: Session, plan: LoadPlan, live: CatalogueTable): Promise<void> {
  const dead = await session.rows(`SELECT 1 FROM ${liveOf(plan)} WHERE NOT (${isAlive(plan, live)}) LIMIT 1`);
  if (dead.length > 0) throw noPlace(plan, 'have no value in its fields');
}

async function carryValues(session: Session, plan: LoadPlan, live: CatalogueTable): Promise<void> {
  const { createdAt } = ownColumnNames(plan.columnPrefix);
  const created = quoteName(createdAt);
  const isStamped = plan.recordTimestamps && live.typeOf(createdAt) !== undefined;
  const sets = [
    ...(isStamped ? [`${created} = coalesce(l.${created}, s.${created})`] : []),
    ...listForsaken(plan, live).map((name) => `${quoteName(name)} = l.${quoteName(name)}`),
  ];
  if (sets.length === 0) return;
  const work = quoteTable(namesOf(plan).work);
  await session.run(`UPDATE ${work} AS s SET ${sets.join(', ')} FROM ${liveOf(plan)} WHERE ${sameRecord(plan, live)}`);
}

async function carryTombstones(session: Session, plan: LoadPlan, live: CatalogueTable): Promise<void> {
  const missing = missingRecords(plan, live);
  await refuseAmbiguous(session, plan, missing);
  const forsaken = listForsaken(plan, live).map((name) => ({ name }));
  const data: string[] = [];
  for (const { name, type } of plan.columns) data.push(await oldValue(session, plan, live, { name, type, missing }));
  const columns = [...plan.columns, ...ownColumns(plan), ...forsaken];
  const values = [...data, ...oldOwnValues(plan, live), ...forsaken.map(({ name }) => `l.${quoteName(name)}`)];
  await session.run(
    `INSERT INTO ${quoteTable(namesOf(plan).work)} (${listNames(columns)}) SELECT ${values.join(', ')} FROM ${missing}`,
  );
}

/** The table has no key of its own that would notice. */
async function refuseAmbiguous(session: Session, plan: LoadPlan, missing: string): Promise<void> {
  const keys = keyColumns(plan).map(({ name }) => `l.${quoteName(name)}`);
  const isNull = keys.map((key) => `bool_or(${key} IS NULL)`).join(' OR ');
  const found = await session.rows(
    `SELECT 1 FROM ${missing} GROUP BY ${keys.join(', ')} HAVING count(*) > 1 OR ${isNull} LIMIT 1`,
  );
  if (found.length > 0) throw noPlace(plan, 'are not told apart by it');
}

async function oldValue(
  session: Session,
  plan: LoadPlan,
  live: CatalogueTable,
  column: { readonly name: string; readonly type: string; readonly missing: string },
): Promise<string> {
  const from = live.typeOf(column.name);
  if (from === undefined) return `NULL::${column.type}`;
  const [value, to] = [`l.${quoteName(column.name)}`, commonType(from, column.type) ?? column.type];
  if (holdsType(to, from)) return value;
  const inexact = await session.rows(`SELECT 1 FROM ${column.missing} AND ${isInexact(value, { from, to })} LIMIT 1`);
  if (inexact.length > 0)
    throw noPlace(plan, `hold values of ${column.name} which have no exact form in the column’s new type`);
  return toType(value, to);
}

function oldOwnValues(plan: LoadPlan, live: CatalogueTable): string[] {
  const { createdAt, updatedAt, deletedAt } = ownColumnNames(plan.columnPrefix);
  const stamp = stampOf(plan);
  const old = (name: string) => (live.typeOf(name) === undefined ? 'NULL' : `l.${quoteName(name)}`);
  const values: Readonly<Record<string, string>> = {
    [createdAt]: `coalesce(${old(createdAt)}, ${stamp})`,
    [updatedAt]: `CASE WHEN ${old(deletedAt)} IS NULL THEN ${stamp} ELSE coalesce(${old(updatedAt)}, ${stamp}) END`,
    [deletedAt]: `coalesce(${old(deletedAt)}, ${stamp})`,
  };
  return ownColumns(plan).map(({ name }) => values[name] ?? 'NULL');
}

function noPlace(plan: LoadPlan, why: string): SyncError {
  return new SyncError(
    'TABLE_DIFFERS',
    `The table ${plan.table.schema}.${plan.table.name} keeps records that are deleted in the source, and with the source’s new key or types some of them ${why}. No record was changed. Delete those records from the table, or start with resync_mode rebuild to begin it anew.`,
  );
}
