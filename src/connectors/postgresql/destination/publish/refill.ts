import type { PublishCounts } from '../../../../connector-kit/index.ts';
import { SyncError } from '../../../../core/index.ts';
import { emptySum } from '../../../../formats/index.ts';
import type { Session } from '../../client.ts';
import { quoteName } from '../../sql.ts';
import type { LiveTable } from '../live-table.ts';
import { lockOutReaders } from '../lock-out-readers.ts';
import { addKey, alterLive, dropOtherKey } from './alter.ts';
import { applyIsolated } from './apply.ts';
import { DIFF, toApplyStatements } from './diff.ts';
import { proveInPlace } from './prove.ts';
import type { PublishScene } from './scene.ts';

/** Records of the shadow, and live ones that are not among them. */
export interface Sizes {
  readonly staged: number;
  readonly lost: number;
  /** Columns outside of the plan whose values the shadow has. */
  readonly carried: readonly string[];
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
  await lockOutReaders(session, names.live, signal);
  await session.script(action, `TRUNCATE ONLY ${names.live}`, signal);
  const isKeyDue = await dropOtherKey(session, scene, live, signal);
  const fitted = await alterLive(session, scene, live, 'emptied', signal);
  if (isKeyDue) await addKey(session, scene, signal);
  const columns = toColumnList(scene, sizes).join(', ');
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
  const columns = toColumnList(scene, sizes);
  const values = columns.map((column) => `s.${column}`).join(', ');
  const insert = `INSERT INTO ${names.live} (${columns.join(', ')}) SELECT ${values} FROM ${names.scratch} s`;
  const statements = {
    ...toApplyStatements(scene, live),
    insert: `${insert} JOIN ${DIFF} d ON s.ctid = d.stage WHERE d.op = 'i'`,
  };
  const { rejects, rejected } = await applyIsolated(session, scene, statements, counts, signal);
  if (names.deletedAt !== null)
    await session.script(action, `${insert} WHERE s.${names.deletedAt} IS NOT NULL`, signal);
  await proveInPlace(session, scene, live, { rejects: [], rejected }, signal);
  await dropShadow(session, scene, signal);
  return { inserted: sizes.staged - rejects.length, updated: 0, unchanged: 0, deleted: sizes.lost, rejects, rejected };
}

function toColumnList({ names }: PublishScene, { carried }: Sizes): readonly string[] {
  return [...names.columns, names.createdAt, names.updatedAt, names.deletedAt, ...carried.map(quoteName)].filter(
    (column) => column !== null,
  );
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
