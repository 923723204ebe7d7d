import type { PublishCounts } from '../../../../connector-kit/index.ts';
import { SyncError } from '../../../../core/index.ts';
import { emptySum } from '../../../../formats/index.ts';
import type { Session } from '../../client.ts';
import { quoteName, quoteText } from '../../sql.ts';
import { hasPlannedKey, type LiveTable } from '../live-table.ts';
import { toImage } from './diff.ts';
import type { PublishScene } from './scene.ts';

/**
 * Applies a delta by the live table's own key: half the time of a join where most staged records have changed, as in a
 * delta. A complete scan is not applied so, since every unchanged record would be locked, which writes its page.
 * @returns null, with nothing changed, when the table has no such key or refuses a record
 */
export async function upsertDelta(
  session: Session,
  scene: PublishScene,
  live: LiveTable,
  signal: AbortSignal,
): Promise<PublishCounts | null> {
  if (scene.plan.kind !== 'delta' || !hasPlannedKey(live, scene.plan)) return null;
  const action = `Writing into ${scene.names.live}`;
  await session.script(action, 'SAVEPOINT upsert', signal);
  try {
    const [row] = await session.query(action, toStatement(scene, live), [], signal);
    const [inserted, updated, staged] = [Number(row?.inserted), Number(row?.updated), Number(row?.staged)];
    return {
      inserted,
      updated,
      unchanged: staged - inserted - updated,
      deleted: 0,
      rejects: [],
      rejected: emptySum(false),
    };
  } catch (error) {
    if (!(error instanceof SyncError) || error.code !== 'RECORD_REFUSED') throw error;
    await session.script(action, 'ROLLBACK TO SAVEPOINT upsert', signal);
    return null;
  }
}

function toStatement({ plan, names }: PublishScene, live: LiveTable): string {
  const stamp = `${quoteText(plan.stampedAt)}::timestamptz`;
  const deletedName = `${plan.columnPrefix}deleted_at`;
  const deletedAt = live.columns.has(deletedName) ? quoteName(deletedName) : null;
  const stamps = [names.createdAt, names.updatedAt].filter((column) => column !== null);
  const sets = [
    ...names.columns.map((column) => `${column} = excluded.${column}`),
    ...(names.updatedAt === null ? [] : [`${names.updatedAt} = excluded.${names.updatedAt}`]),
    ...(deletedAt === null ? [] : [`${deletedAt} = NULL`]),
  ];
  // Most changes come with another time, which is found before two whole records have been put together.
  const times = plan.columns.filter(({ logicalType: { kind } }) => kind === 'timestamptz' || kind === 'timestamp');
  const differs = [
    ...times.map(({ name }) => `l.${quoteName(name)} IS DISTINCT FROM excluded.${quoteName(name)}`),
    `${toImage(plan, null, 'l')} OPERATOR(pg_catalog.*<>) ${toImage(plan, null, 'excluded')}`,
  ].join(' OR ');
  // A version that was written over a locked one carries the lock's transaction; a new record carries none.
  return `WITH written AS (
      INSERT INTO ${names.live} AS l (${[...names.columns, ...stamps].join(', ')})
      SELECT ${[...names.columns, ...stamps.map(() => stamp)].join(', ')} FROM ${names.scratch}
      ON CONFLICT (${names.keys.join(', ')}) DO UPDATE SET ${sets.join(', ')}
      WHERE ${deletedAt === null ? '' : `l.${deletedAt} IS NOT NULL OR `}${differs}
      RETURNING l.xmax = 0 AS is_new)
    SELECT count(*) FILTER (WHERE is_new)::text AS inserted, count(*) FILTER (WHERE NOT is_new)::text AS updated,
      (SELECT count(*) FROM ${names.scratch})::text AS staged FROM written`;
}
