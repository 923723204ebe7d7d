import type { LoadPlan } from '../../../../connector-kit/index.ts';
import { SyncError } from '../../../../core/index.ts';
import type { Session } from '../../client.ts';
import { quoteName, quoteTable } from '../../sql.ts';
import { differs, listForsaken, listTypeChanges, refuseGaps, refuseUnfit, type TypeChange } from '../fit.ts';
import { type LiveTable, readLiveTable, toAddColumns } from '../live-table.ts';
import { lockOutReaders } from '../lock-out-readers.ts';
import { isAdopted } from '../ownership.ts';
import type { PublishScene } from './scene.ts';

/** What the live table holds while it is altered: nothing, or records that have to be converted. */
export type Contents = 'emptied' | 'kept';

/**
 * Makes the live table fit the plan: adds columns, gives wider or other types, and lets go of columns that the source no
 * longer fills. Part of the publication's transaction. @throws `TABLE_DIFFERS`
 */
export async function alterLive(
  session: Session,
  scene: PublishScene,
  live: LiveTable,
  contents: Contents,
  signal: AbortSignal,
): Promise<LiveTable> {
  const { plan, names } = scene;
  refuseGaps(plan, live);
  const additions = toAddColumns(plan, live);
  let [changes, forsaken] = [listTypeChanges(plan, live), listForsaken(plan, live)];
  if (changes.length + forsaken.length > 0) {
    const adopted = await isAdopted(session, plan, signal);
    await refuseUnfit(session, plan, live, adopted, signal);
    if (adopted) [changes, forsaken] = [[], []];
  }
  if (changes.length + forsaken.length + additions.length === 0) return live;
  await lockOutReaders(session, names.live, signal);
  const released = forsaken.map((name) => `ALTER COLUMN ${quoteName(name)} DROP NOT NULL`);
  const simple = [...additions, ...released];
  if (simple.length > 0)
    await session.script(`Altering ${names.live}`, `ALTER TABLE ${names.live} ${simple.join(', ')}`, signal);
  for (const change of changes) {
    if (contents === 'emptied') await alterType(session, scene, change, `NULL::${change.to}`, signal);
    else if (change.isWidening) await alterType(session, scene, change, null, signal);
    else await convert(session, scene, change, signal);
  }
  return (await readLiveTable(session, plan.table, signal)) ?? live;
}

/** By way of its text, which every type has; the engine's complete read writes all but what has left the source anew. */
async function convert(session: Session, scene: PublishScene, change: TypeChange, signal: AbortSignal): Promise<void> {
  const { plan, names } = scene;
  const column = quoteName(change.name);
  if (!(await convertsExactly(session, scene, change, signal))) {
    if (plan.kind === 'delta' || change.isKey)
      throw differs(plan, change, 'some of its values have no exact form in that type');
    const sameKey = names.keys.map((key) => `l.${key} = s.${key}`).join(' AND ');
    await session.script(
      `Making room in ${names.live}`,
      `ALTER TABLE ${names.live} ALTER COLUMN ${column} DROP NOT NULL;
       UPDATE ONLY ${names.live} l SET ${column} = NULL FROM ${names.scratch} s WHERE ${sameKey}`,
      signal,
    );
    if (!(await convertsExactly(session, scene, change, signal)))
      throw differs(
        plan,
        change,
        'records that have left the source hold values which have no exact form in that type',
      );
  }
  await alterType(session, scene, change, `${column}::text::${change.to}`, signal);
}

async function convertsExactly(
  session: Session,
  { names }: PublishScene,
  change: TypeChange,
  signal: AbortSignal,
): Promise<boolean> {
  const action = `Converting column ${quoteName(change.name)} of ${names.live}`;
  const inexact = `SELECT FROM ONLY ${names.live} l WHERE ${isInexact(`l.${quoteName(change.name)}`, change)} LIMIT 1`;
  await session.script(action, 'SAVEPOINT converting', signal);
  try {
    const found = await session.query(action, inexact, [], signal);
    await session.script(action, 'RELEASE SAVEPOINT converting', signal);
    return found.length === 0;
  } catch (error) {
    if (!(error instanceof SyncError) || error.code !== 'RECORD_REFUSED') throw error;
    await session.script(action, 'ROLLBACK TO SAVEPOINT converting', signal);
    return false;
  }
}

/** SQL that is true where a value does not survive the way to the new type and back. */
export function isInexact(value: string, { from, to }: Pick<TypeChange, 'from' | 'to'>): string {
  return `((${value}::text::${to})::text::${from})::text IS DISTINCT FROM ${value}::text`;
}

async function alterType(
  session: Session,
  { plan, names }: PublishScene,
  change: TypeChange,
  using: string | null,
  signal: AbortSignal,
): Promise<void> {
  const column = quoteName(change.name);
  const how = using === null ? '' : ` USING ${using}`;
  try {
    await session.script(
      `Changing the type of column ${column} of ${names.live}`,
      `ALTER TABLE ${names.live} ALTER COLUMN ${column} TYPE ${change.to}${how}`,
      signal,
    );
  } catch (error) {
    if (!(error instanceof SyncError) || !['INTERNAL', 'RECORD_REFUSED', 'TABLE_DIFFERS'].includes(error.code))
      throw error;
    throw new SyncError('TABLE_DIFFERS', differs(plan, change, `changing it failed: ${error.message}`).message, {
      cause: error,
    });
  }
}

/** @throws `TABLE_DIFFERS` when a foreign key of another table keeps the records from being replaced */
export function refuseReferenced(plan: LoadPlan, live: LiveTable, isAdopted: boolean): void {
  const table = quoteTable(plan.table);
  const keys = plan.columns.filter(({ isKey }) => isKey).map(({ name }) => quoteName(name));
  if (keys.length === 0) {
    throw new SyncError(
      'TABLE_DIFFERS',
      `Another table’s foreign key points to ${table}, so a table without a key cannot replace its records. Remove the foreign key.`,
    );
  }
  if (isAdopted || live.primaryKey.length === 0 || !isOtherKey(plan, live)) return;
  throw new SyncError(
    'TABLE_DIFFERS',
    `The source’s key is (${keys.join(', ')}) now, and another table’s foreign key points to ${table} with its old one. No record was changed. Remove the foreign key.`,
  );
}

/** True when the live table's primary key is not over the plan's key columns. */
export function isOtherKey(plan: LoadPlan, live: LiveTable): boolean {
  const keys = plan.columns.filter(({ isKey }) => isKey).map(({ name }) => name);
  return keys.length !== live.primaryKey.length || !keys.every((key) => live.primaryKey.includes(key));
}

/** Takes another primary key than the plan's off an emptied table; its columns may hold NULL again. True = add the plan's. */
export async function dropOtherKey(
  session: Session,
  { plan, names }: PublishScene,
  live: LiveTable,
  signal: AbortSignal,
): Promise<boolean> {
  if (!isOtherKey(plan, live) || (await isAdopted(session, plan, signal))) return false;
  const action = `Exchanging the key of ${names.live}`;
  const [key] = await session.query(
    action,
    `SELECT conname FROM pg_constraint WHERE conrelid = $1::oid AND contype = 'p'`,
    [live.oid],
    signal,
  );
  if (key !== undefined) {
    const parts = [
      `DROP CONSTRAINT ${quoteName(key.conname ?? '')}`,
      ...live.primaryKey.map((name) => `ALTER COLUMN ${quoteName(name)} DROP NOT NULL`),
    ];
    // Two statements: within one, the column would still be part of the key.
    for (const part of parts) await session.script(action, `ALTER TABLE ${quoteTable(plan.table)} ${part}`, signal);
  }
  return names.keys.length > 0;
}

/** The counterpart of `dropOtherKey`, when the records are there. */
export async function addKey(session: Session, { names }: PublishScene, signal: AbortSignal): Promise<void> {
  const action = `Building the key of ${names.live}`;
  await session.script(action, `ALTER TABLE ${names.live} ADD PRIMARY KEY (${names.keys.join(', ')})`, signal);
}
