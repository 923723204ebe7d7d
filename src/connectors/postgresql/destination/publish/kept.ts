import type { LoadColumn, LoadPlan, Reject, SegmentOutcome } from '../../../../connector-kit/index.ts';
import { SyncError } from '../../../../core/index.ts';
import type { Session } from '../../client.ts';
import { quoteName, quoteText } from '../../sql.ts';
import type { LiveTable } from '../live-table.ts';
import type { PublishScene } from './scene.ts';

/** The keys whose live records a complete scan must not take for gone, in columns named like the live table's. */
export const KEPT = 'pg_temp.__millrace_kept';

type Key = NonNullable<Reject['key']>;

/** Finds the records that their segments refused: they are in the source, so an older version of them stays. */
export async function keepRefused(
  session: Session,
  scene: PublishScene,
  live: LiveTable,
  signal: AbortSignal,
): Promise<readonly Key[]> {
  const refused = await listRefused(session, scene, signal);
  if (refused.length === 0) return [];
  const { names } = scene;
  const action = `Keeping refused records of ${names.live}`;
  const columns = names.keys.join(', ');
  await session.script(
    action,
    `CREATE TEMP TABLE __millrace_kept ON COMMIT DROP AS SELECT ${columns} FROM ONLY ${names.live} LIMIT 0`,
    signal,
  );
  if (scene.plan.columns.some((column) => column.isKey && isOpaque(scene.plan, column))) {
    const same = refused.map((key) => `(${toCondition(scene, live, key)})`).join(' OR ');
    const found = `SELECT ${columns} FROM ONLY ${names.live} t WHERE ${same}`;
    await tryInsert(session, action, `INSERT INTO ${KEPT} ${found}`, signal);
    return readKept(session, scene, signal);
  }
  const rows = refused.map((key) => toRow(scene, live, key));
  if (!(await tryInsert(session, action, `INSERT INTO ${KEPT} VALUES ${rows.join(', ')}`, signal))) {
    // A key that is itself what was refused names no record of the live table.
    for (const row of rows) await tryInsert(session, action, `INSERT INTO ${KEPT} VALUES ${row}`, signal);
  }
  return readKept(session, scene, signal);
}

async function listRefused(session: Session, { plan }: PublishScene, signal: AbortSignal): Promise<readonly Key[]> {
  const rows = await session.query(
    'Looking for refused records',
    `SELECT committed::text AS outcome FROM __millrace.segments
     WHERE sync_id = $1 AND schema_id = $2 AND generation = $3 AND committed IS NOT NULL AND jsonb_array_length(committed->'rejects') > 0`,
    [plan.syncId, plan.schemaId, plan.generation],
    signal,
  );
  // The outcomes are what this connector stored at commit.
  const outcomes = rows.map(({ outcome }) => JSON.parse(outcome ?? '') as SegmentOutcome);
  return outcomes.flatMap(({ rejects }) => rejects).flatMap(({ key }) => (key === null ? [] : [key]));
}

function toRow({ plan }: PublishScene, live: LiveTable, key: Key): string {
  const keys = plan.columns.filter(({ isKey }) => isKey);
  const values = keys.map(({ field, name, type }) => {
    const text = key[field] ?? null;
    return text === null ? 'NULL' : `${quoteText(text)}::${live.columns.get(name) ?? type}`;
  });
  return `(${values.join(', ')})`;
}

/** A key's bytes that only the server can read, or bytes: whoever reads the record names both by their hex digits. */
function isOpaque({ format }: LoadPlan, { logicalType }: LoadColumn): boolean {
  return format === 'pgcopy-binary' && logicalType.kind === 'bytes';
}

/** In a record of one field, the number of fields, its type and its length stand before its bytes: 24 digits. */
function toHexDigits(name: string): string {
  return `substr(encode(record_send(ROW(${name})), 'hex'), 25)`;
}

/** SQL for a field of a key as a reject names it; unlike a cast, `concat` keeps what a type pads with. */
export function toKeyText(plan: LoadPlan, column: LoadColumn, alias: string): string {
  const name = `${alias}.${quoteName(column.name)}`;
  return `CASE WHEN ${name} IS NOT NULL THEN ${isOpaque(plan, column) ? toHexDigits(name) : `concat(${name})`} END`;
}

/** SQL that is true for the record `t` of a key. */
export function toCondition({ plan }: PublishScene, live: LiveTable, key: Key): string {
  const conditions = plan.columns.flatMap((column) => {
    if (!column.isKey) return [];
    const name = `t.${quoteName(column.name)}`;
    const text = key[column.field] ?? null;
    if (text === null) return [`${name} IS NULL`];
    if (isOpaque(plan, column)) return [`${toHexDigits(name)} = ${quoteText(text)}`];
    return [`${name} = ${quoteText(text)}::${live.columns.get(column.name) ?? column.type}`];
  });
  return conditions.join(' AND ');
}

async function tryInsert(session: Session, action: string, statement: string, signal: AbortSignal): Promise<boolean> {
  await session.script(action, 'SAVEPOINT kept', signal);
  try {
    await session.script(action, statement, signal);
    await session.script(action, 'RELEASE SAVEPOINT kept', signal);
    return true;
  } catch (error) {
    if (!(error instanceof SyncError) || error.code !== 'RECORD_REFUSED') throw error;
    await session.script(action, 'ROLLBACK TO SAVEPOINT kept', signal);
    return false;
  }
}

async function readKept(session: Session, { plan }: PublishScene, signal: AbortSignal): Promise<readonly Key[]> {
  const keys = plan.columns.filter(({ isKey }) => isKey);
  const columns = keys.map((key, index) => `${toKeyText(plan, key, 'k')} AS k${index}`).join(', ');
  const action = 'Reading the keys of refused records';
  const rows = await session.query(action, `SELECT ${columns} FROM ${KEPT} k`, [], signal);
  return rows.map((row) => Object.fromEntries(keys.map(({ field }, index) => [field, row[`k${index}`] ?? null])));
}
