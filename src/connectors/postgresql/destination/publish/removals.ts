import { SyncError } from '../../../../core/index.ts';
import type { Session } from '../../client.ts';
import { quoteName, quoteText } from '../../sql.ts';
import type { LiveTable } from '../live-table.ts';
import { guardLoss } from './guard.ts';
import { toCondition } from './kept.ts';
import type { PublishScene } from './scene.ts';

/** Keys of one statement: few enough to be looked up by the key's index. */
const KEYS_PER_STATEMENT = 200;

/** Removes the live records of the plan's `removals`, and answers how many. @throws `LOSS_GUARD` */
export async function removeListed(
  session: Session,
  scene: PublishScene,
  live: LiveTable,
  signal: AbortSignal,
): Promise<number> {
  const { plan, names, guard } = scene;
  const { removals = [] } = plan;
  if (removals.length === 0) return 0;
  const deletedAt = `${plan.columnPrefix}deleted_at`;
  const alive = live.columns.has(deletedAt) ? `t.${quoteName(deletedAt)} IS NULL` : 'true';
  const count = `SELECT count(*)::text AS live FROM ONLY ${names.live} t WHERE ${alive}`;
  const [row] = await session.query(`Counting the records of ${names.live}`, count, [], signal);
  guardLoss(names.live, removals.length, Number(row?.live), guard);
  let removed = 0;
  for (let start = 0; start < removals.length; start += KEYS_PER_STATEMENT) {
    const keys = removals.slice(start, start + KEYS_PER_STATEMENT).map((key) => `(${toCondition(scene, live, key)})`);
    removed += await letGo(session, scene, toRemoval(scene, `${alive} AND (${keys.join(' OR ')})`), signal);
  }
  return removed;
}

/** SQL that removes live records `t`: they become tombstones, or go where the sync keeps none. */
function toRemoval({ plan, names }: PublishScene, condition: string): string {
  if (names.deletedAt === null) return `DELETE FROM ONLY ${names.live} t WHERE ${condition}`;
  const stamp = `${quoteText(plan.stampedAt)}::timestamptz`;
  const updatedAt = names.updatedAt === null ? '' : `, ${names.updatedAt} = ${stamp}`;
  return `UPDATE ONLY ${names.live} t SET ${names.deletedAt} = ${stamp}${updatedAt} WHERE ${condition}`;
}

async function letGo(session: Session, { names }: PublishScene, sql: string, signal: AbortSignal): Promise<number> {
  try {
    return await session.execute(`Removing records from ${names.live}`, sql, [], signal);
  } catch (error) {
    if (!(error instanceof SyncError) || error.code !== 'RECORD_REFUSED') throw error;
    throw new SyncError(
      'TABLE_DIFFERS',
      `${error.message} ${names.live} does not let go of records that are not in the source. Remove the constraint or trigger.`,
      { cause: error },
    );
  }
}
