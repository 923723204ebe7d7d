import type { PublishCounts } from '../../../../connector-kit/index.ts';
import { SyncError } from '../../../../core/index.ts';
import { emptySum } from '../../../../formats/index.ts';
import type { Session } from '../../client.ts';
import { type LiveTable, readLiveTable, refuseOtherTypes, toAddColumns } from '../live-table.ts';
import { applyIsolated } from './apply.ts';
import { DIFF, toApplyStatements } from './diff.ts';
import { proveInPlace } from './prove.ts';
import type { PublishScene } from './scene.ts';

/** Records of the shadow, and live ones that are not among them. */
export interface Sizes {
  readonly staged: number;
  readonly lost: number;
}

/** The live table and all that hangs on it stay; its records are exchanged. */
export async function refill(
  session: Session,
  scene: PublishScene,
  live: LiveTable,
  sizes: Sizes,
  signal: AbortSignal,
): Promise<PublishCounts> {
  const { names } = scene;
  const action = `Refilling ${names.live}`;
  await session.script(action, `TRUNCATE ONLY ${names.live}`, signal);
  const fitted = await fitColumns(session, scene, live, signal);
  const columns = toColumnList(scene);
  await session.script(action, 'SAVEPOINT refill', signal);
  try {
    await session.script(
      action,
      `INSERT INTO ${names.live} (${columns}) SELECT ${columns} FROM ${names.scratch}`,
      signal,
    );
  } catch (error) {
    if (!(error instanceof SyncError) || error.code !== 'RECORD_REFUSED') throw error;
    await session.script(action, 'ROLLBACK TO SAVEPOINT refill', signal);
    return refillIsolated(session, scene, fitted, sizes, signal);
  }
  const refused = { rejects: [], rejected: emptySum(false) };
  await proveInPlace(session, scene, fitted, refused, signal);
  await dropShadow(session, scene, signal);
  return {
    inserted: sizes.staged,
    updated: 0,
    unchanged: 0,
    deleted: sizes.lost,
    ...refused,
  };
}

/** Record by record where need be. Tombstones were in the live table already, so they are not refused. */
async function refillIsolated(
  session: Session,
  scene: PublishScene,
  live: LiveTable,
  sizes: Sizes,
  signal: AbortSignal,
): Promise<PublishCounts> {
  const { names } = scene;
  const action = `Refilling ${names.live}`;
  const alive = names.deletedAt === null ? '' : ` WHERE ${names.deletedAt} IS NULL`;
  await session.script(
    action,
    `CREATE TEMP TABLE ${DIFF} ON COMMIT DROP AS
       SELECT row_number() OVER () AS no, 'i' AS op, NULL::tid AS place, ctid AS stage FROM ${names.scratch}${alive};
     ANALYZE ${DIFF}`,
    signal,
  );
  const counts = { inserted: sizes.staged, updated: 0, last: sizes.staged };
  const { rejects, rejected } = await applyIsolated(session, scene, toApplyStatements(scene, live), counts, signal);
  if (names.deletedAt !== null) {
    const columns = toColumnList(scene);
    await session.script(
      action,
      `INSERT INTO ${names.live} (${columns}) SELECT ${columns} FROM ${names.scratch} WHERE ${names.deletedAt} IS NOT NULL`,
      signal,
    );
  }
  await proveInPlace(session, scene, live, { rejects: [], rejected }, signal);
  await dropShadow(session, scene, signal);
  return { inserted: sizes.staged - rejects.length, updated: 0, unchanged: 0, deleted: sizes.lost, rejects, rejected };
}

function toColumnList({ names }: PublishScene): string {
  return [...names.columns, names.createdAt, names.updatedAt, names.deletedAt]
    .filter((column) => column !== null)
    .join(', ');
}

/** How many records a table holds. */
export async function countRecords(session: Session, table: string, signal: AbortSignal): Promise<number> {
  const [row] = await session.query(`Counting ${table}`, `SELECT count(*)::text AS records FROM ${table}`, [], signal);
  return Number(row?.records ?? 0);
}

/** Drops the shadow, whose records the live table has now. */
export async function dropShadow(session: Session, { names }: PublishScene, signal: AbortSignal): Promise<void> {
  await session.script('Dropping the shadow', `DROP TABLE ${names.scratch}`, signal);
}

/** Adds the columns that the live table lacks. @throws `TABLE_DIFFERS` */
export async function fitColumns(
  session: Session,
  { plan, names }: PublishScene,
  live: LiveTable,
  signal: AbortSignal,
): Promise<LiveTable> {
  refuseOtherTypes(plan, live);
  const additions = toAddColumns(plan, live);
  if (additions.length === 0) return live;
  await session.script(`Adding columns to ${names.live}`, `ALTER TABLE ${names.live} ${additions.join(', ')}`, signal);
  return (await readLiveTable(session, plan.table, signal)) ?? live;
}
