import type { LoadPlan } from '../../../../connector-kit/index.ts';
import { SyncError } from '../../../../core/index.ts';
import type { Session } from '../../client.ts';
import { quoteName, quoteText } from '../../sql.ts';
import type { LiveTable } from '../live-table.ts';
import { ownColumnNames } from '../naming.ts';
import { commonType, holdsType } from '../type-fit.ts';
import { isInexact } from './alter.ts';
import type { PublishScene } from './scene.ts';

/**
 * Carries over to the shadow of a keyed table what shall outlive the old records: the first time of known ones, the values
 * of columns that the source no longer fills, and with tombstones those of records that are missing still or now.
 * Returns the columns outside of the plan that the shadow has now.
 * @throws `TABLE_DIFFERS` when a tombstone has no place under the new key or in the new types
 */
export async function carryHistory(
  session: Session,
  scene: PublishScene,
  live: LiveTable,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const { plan } = scene;
  if (!plan.columns.some(({ isKey }) => isKey)) return [];
  if (!(await isKeyKnown(session, scene, live, signal))) {
    if (plan.tombstones) await refuseNamelessTombstones(session, scene, live, signal);
    return [];
  }
  const forsaken = listForeign(plan, live);
  await addForsaken(session, scene, live, forsaken, signal);
  await carryValues(session, scene, live, forsaken, signal);
  if (plan.tombstones) await carryTombstones(session, scene, live, forsaken, signal);
  return forsaken;
}

/** Columns of the live table that neither the plan nor Millrace fills. */
function listForeign(plan: LoadPlan, live: LiveTable): readonly string[] {
  const filled = [...plan.columns.map(({ name }) => name), ...ownColumnNames(plan.columnPrefix)];
  return [...live.columns.keys()].filter((name) => !filled.includes(name) && !live.computed.has(name));
}

/** True when the live records can be named by the plan's key, so that old and new ones can be told to be the same. */
async function isKeyKnown(
  session: Session,
  { plan, names }: PublishScene,
  live: LiveTable,
  signal: AbortSignal,
): Promise<boolean> {
  const keys = plan.columns.filter(({ isKey }) => isKey);
  if (keys.some(({ name }) => !live.columns.has(name))) return false;
  const others = keys.flatMap(({ name, type }) => {
    const from = live.columns.get(name) ?? type;
    return commonType(from, type) === null ? [isInexact(`l.${quoteName(name)}`, { from, to: type })] : [];
  });
  if (others.length === 0) return true;
  const action = `Comparing the keys of ${names.live}`;
  await session.script(action, 'SAVEPOINT keys', signal);
  try {
    const sql = `SELECT FROM ONLY ${names.live} l WHERE ${others.join(' OR ')} LIMIT 1`;
    return (await session.query(action, sql, [], signal)).length === 0;
  } catch (error) {
    if (!(error instanceof SyncError) || error.code !== 'RECORD_REFUSED') throw error;
    await session.script(action, 'ROLLBACK TO SAVEPOINT keys', signal);
    return false;
  }
}

/** SQL that is true for the same record in shadow `s` and live table `l`. */
export function sameKey(plan: LoadPlan, live: LiveTable): string {
  const keys = plan.columns.filter(({ isKey }) => isKey);
  return keys
    .map(({ name, type }) => {
      const isAlike = commonType(live.columns.get(name) ?? type, type) !== null;
      const as = isAlike ? '' : '::text';
      return `s.${quoteName(name)}${as} = l.${quoteName(name)}${as}`;
    })
    .join(' AND ');
}

/** SQL that is true for a live record that is no tombstone. */
export function isAlive(plan: LoadPlan, live: LiveTable): string {
  const deletedAt = `${plan.columnPrefix}deleted_at`;
  return live.columns.has(deletedAt) ? `l.${quoteName(deletedAt)} IS NULL` : 'true';
}

async function refuseNamelessTombstones(
  session: Session,
  { plan, names }: PublishScene,
  live: LiveTable,
  signal: AbortSignal,
): Promise<void> {
  const action = `Looking for tombstones in ${names.live}`;
  const sql = `SELECT FROM ONLY ${names.live} l WHERE NOT (${isAlive(plan, live)}) LIMIT 1`;
  if ((await session.query(action, sql, [], signal)).length > 0)
    throw noPlace(names.live, 'have no value in its fields');
}

async function addForsaken(
  session: Session,
  { names }: PublishScene,
  live: LiveTable,
  columns: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  if (columns.length === 0) return;
  const action = `Keeping columns of ${names.live}`;
  const rows = await session.query(
    action,
    `SELECT a.attname, pg_get_expr(d.adbin, d.adrelid) AS value FROM pg_attrdef d
     JOIN pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum WHERE d.adrelid = $1::oid`,
    [live.oid],
    signal,
  );
  const defaults = new Map(rows.map(({ attname, value }) => [attname, value]));
  const parts = columns.map((name) => {
    const value = defaults.get(name);
    const filled = value === undefined || value === null ? '' : ` DEFAULT ${value}`;
    return `ADD COLUMN ${quoteName(name)} ${live.columns.get(name)}${filled}`;
  });
  await session.script(action, `ALTER TABLE ${names.scratch} ${parts.join(', ')}`, signal);
}

async function carryValues(
  session: Session,
  { plan, names }: PublishScene,
  live: LiveTable,
  forsaken: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  const [createdName = ''] = ownColumnNames(plan.columnPrefix);
  const created = quoteName(createdName);
  const isStamped = plan.recordTimestamps && live.columns.has(createdName);
  const sets = [
    // A record that comes back begins anew.
    ...(isStamped ? [`${created} = CASE WHEN ${isAlive(plan, live)} THEN l.${created} ELSE s.${created} END`] : []),
    ...forsaken.map((name) => `${quoteName(name)} = l.${quoteName(name)}`),
  ];
  if (sets.length === 0) return;
  await session.script(
    `Carrying over values of ${names.live}`,
    `UPDATE ${names.scratch} s SET ${sets.join(', ')} FROM ONLY ${names.live} l WHERE ${sameKey(plan, live)}`,
    signal,
  );
}

/** Tombstones of records that are still missing, and new ones for those that are missing now. */
async function carryTombstones(
  session: Session,
  scene: PublishScene,
  live: LiveTable,
  forsaken: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  const { plan, names } = scene;
  const action = `Carrying over what ${names.live} remembers`;
  const missing = `FROM ONLY ${names.live} l WHERE NOT EXISTS (SELECT FROM ${names.scratch} s WHERE ${sameKey(plan, live)})`;
  if ((await session.query(action, `SELECT ${missing} LIMIT 1`, [], signal)).length === 0) return;
  const values = new Map([...(await toOldValues(session, scene, live, missing, signal)), ...ownValues(plan, live)]);
  for (const name of forsaken) values.set(name, `l.${quoteName(name)}`);
  const columns = [...values.keys()].map(quoteName).join(', ');
  try {
    await session.script(
      action,
      `INSERT INTO ${names.scratch} (${columns}) SELECT ${[...values.values()].join(', ')} ${missing}`,
      signal,
    );
  } catch (error) {
    if (!(error instanceof SyncError) || error.code !== 'RECORD_REFUSED') throw error;
    throw noPlace(names.live, 'are not told apart by it');
  }
}

/** Data column → SQL of its old value in the shadow, whose columns get room for it. */
async function toOldValues(
  session: Session,
  { plan, names }: PublishScene,
  live: LiveTable,
  missing: string,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, string>> {
  const action = `Carrying over what ${names.live} remembers`;
  const values = new Map<string, string>();
  for (const { name, type } of plan.columns) {
    const from = live.columns.get(name);
    if (from === undefined) continue;
    const [column, to] = [`l.${quoteName(name)}`, commonType(from, type) ?? type];
    if (to !== type)
      await session.script(action, `ALTER TABLE ${names.scratch} ALTER COLUMN ${quoteName(name)} TYPE ${to}`, signal);
    const isHeld = holdsType(to, from);
    if (!isHeld)
      await refuseInexact(session, names.live, name, `${missing} AND ${isInexact(column, { from, to })}`, signal);
    values.set(name, isHeld ? column : `${column}::text::${to}`);
  }
  return values;
}

async function refuseInexact(
  session: Session,
  table: string,
  column: string,
  records: string,
  signal: AbortSignal,
): Promise<void> {
  const refusal = () =>
    noPlace(table, `hold values of ${quoteName(column)} which have no exact form in the column’s new type`);
  try {
    if ((await session.query('Converting tombstones', `SELECT ${records} LIMIT 1`, [], signal)).length === 0) return;
  } catch (error) {
    if (!(error instanceof SyncError) || error.code !== 'RECORD_REFUSED') throw error;
  }
  throw refusal();
}

function ownValues(plan: LoadPlan, live: LiveTable): ReadonlyMap<string, string> {
  const [createdName = '', updatedName = '', deletedName = ''] = ownColumnNames(plan.columnPrefix);
  const stamp = `${quoteText(plan.stampedAt)}::timestamptz`;
  const stamped = plan.recordTimestamps ? [createdName, updatedName].filter((name) => live.columns.has(name)) : [];
  const deletedAt = live.columns.has(deletedName) ? `coalesce(l.${quoteName(deletedName)}, ${stamp})` : stamp;
  return new Map([...stamped.map((name) => [name, `l.${quoteName(name)}`] as const), [deletedName, deletedAt]]);
}

function noPlace(table: string, why: string): SyncError {
  return new SyncError(
    'TABLE_DIFFERS',
    `${table} keeps records that are deleted in the source, and with the source’s new key or types some of them ${why}. No record was changed. Delete those records from the table, or start with resync_mode rebuild to begin it anew.`,
  );
}
