import type { LoadPlan, PublishCounts } from '../../../connector-kit/index.ts';
import { SyncError } from '../../../core/index.ts';
import { toWorkName } from '../client/work-name.ts';
import type { Session, TextRow } from '../client.ts';
import { quoteTable, quoteText } from '../sql.ts';
import { LOCK_TIMEOUT } from './generations.ts';
import { readLiveTable } from './live-table.ts';
import { refuseTaken } from './ownership.ts';
import { alterLive } from './publish/alter.ts';
import { mergeStage } from './publish/merge.ts';
import { publishReplacement } from './publish/replace.ts';
import type { Publication, PublishScene } from './publish/scene.ts';
import { lockOutWriters } from './row-security.ts';
import { type Backend, fenceLost, hasState, takeOver } from './state.ts';

const SETTINGS = `${LOCK_TIMEOUT}; SET LOCAL work_mem = '64MB'`;

/** What this generation's publication left, or null. */
export async function readPublication(
  session: Session,
  plan: LoadPlan,
  signal: AbortSignal,
): Promise<Publication | null> {
  if (!(await hasState(session, signal))) return null;
  const sql = `${PUBLICATION} WHERE ${toKey('p', '$1', '$2', '$3')}`;
  const [row] = await session.query('Looking for the publication', sql, keyOf(plan), signal);
  return toPublication(row);
}

const PUBLICATION = 'SELECT p.counts::text FROM __millrace.publications p';

const keyOf = ({ syncId, schemaId, generation }: LoadPlan) => [syncId, schemaId, String(generation)] as const;

const quotedKey = (plan: LoadPlan) => {
  const [syncId, schemaId, generation] = keyOf(plan);
  return [quoteText(syncId), quoteText(schemaId), generation] as const;
};

const toKey = (table: string, syncId: string, schemaId: string, generation: string): string =>
  `${table}.sync_id = ${syncId} AND ${table}.schema_id = ${schemaId} AND ${table}.generation = ${generation}`;

function toPublication(row: TextRow | undefined): Publication | null {
  // Written by `publish` below and by nobody else.
  return row?.counts == null ? null : (JSON.parse(row.counts) as Publication);
}

/** Brings the finished generation into the live table, in one transaction. @throws `LOSS_GUARD`, `FENCE_LOST`, `TABLE_OWNED` */
export async function publish(session: Session, scene: PublishScene, signal: AbortSignal): Promise<PublishCounts> {
  const { plan, context } = scene;
  const action = `Publishing ${quoteTable(plan.table)}`;
  const { publication: before, earlier } = await lookBefore(session, plan, signal);
  if (before !== null) return before;
  await becomePublisher(session, plan, earlier, signal);
  const name = toWorkName(session.name, plan.table.name);
  const begin = `BEGIN; ${name}; ${SETTINGS}; SET CONSTRAINTS ALL IMMEDIATE`;
  // The one before us may have committed while we waited for the fence's row.
  const again = `${PUBLICATION} WHERE ${toKey('p', ...quotedKey(plan))}`;
  const [found] = await session.script(action, `${begin}; ${again}`, signal);
  const meanwhile = toPublication(found);
  if (meanwhile !== null) {
    await session.script(action, 'ROLLBACK', signal);
    await passFence(session, plan, signal);
    return meanwhile;
  }
  const counts = await apply(session, scene, signal);
  context.failpoint('postgresql:publish-applied');
  await session.execute(
    action,
    'INSERT INTO __millrace.publications (sync_id, schema_id, generation, counts) VALUES ($1, $2, $3, $4)',
    [plan.syncId, plan.schemaId, plan.generation, JSON.stringify(counts)],
    signal,
  );
  await passFence(session, plan, signal);
  context.failpoint('postgresql:publish-fenced');
  await session.script(action, 'COMMIT', signal);
  context.failpoint('postgresql:publish-committed');
  return counts;
}

/** What this generation's publication left, and who may be at it. */
async function lookBefore(
  session: Session,
  plan: LoadPlan,
  signal: AbortSignal,
): Promise<{ readonly publication: Publication | null; readonly earlier: Backend | null }> {
  const [row] = await session.query(
    'Looking for the publication',
    `SELECT p.counts::text, f.pid, f.backend_start FROM (VALUES (1)) one
     LEFT JOIN __millrace.publications p ON ${toKey('p', '$1', '$2', '$3')}
     LEFT JOIN __millrace.fences f ON ${toKey('f', '$1', '$2', '$3')}`,
    keyOf(plan),
    signal,
  );
  const earlier = row?.pid == null ? null : { pid: row.pid, startedAt: row.backend_start ?? '' };
  return { publication: toPublication(row), earlier };
}

/** Ends an earlier owner's attempt to publish the same generation, and leaves our own name for the next one. */
async function becomePublisher(
  session: Session,
  plan: LoadPlan,
  earlier: Backend | null,
  signal: AbortSignal,
): Promise<void> {
  const statement = () =>
    session.execute(
      `Taking over the publication of ${quoteTable(plan.table)}`,
      `UPDATE __millrace.fences f SET pid = $4, backend_start = $5 WHERE ${toKey('f', '$1', '$2', '$3')}`,
      [...keyOf(plan), session.pid, session.startedAt],
      signal,
    );
  if ((await takeOver(session, earlier, statement, signal)) === 0) throw fenceLost(plan);
}

/** The last statement before COMMIT: only the publisher of the newest generation gets through. @throws `FENCE_LOST`, `TABLE_OWNED` */
async function passFence(session: Session, plan: LoadPlan, signal: AbortSignal): Promise<void> {
  const passed = await session.execute(
    'Passing the fence',
    `UPDATE __millrace.fences f SET pid = NULL, backend_start = NULL FROM __millrace.owners o
     WHERE f.sync_id = $1 AND f.schema_id = $2 AND f.generation = $3 AND f.pid = $4 AND f.backend_start = $5
       AND o.table_schema = $6 AND o.table_name = $7 AND o.sync_id = $1 AND o.schema_id = $2`,
    [plan.syncId, plan.schemaId, plan.generation, session.pid, session.startedAt, plan.table.schema, plan.table.name],
    signal,
  );
  if (passed > 0) return;
  await refuseTaken(session, plan, signal);
  throw fenceLost(plan);
}

async function apply(session: Session, scene: PublishScene, signal: AbortSignal): Promise<Publication> {
  const { plan, names } = scene;
  const live = await readLiveTable(session, plan.table, signal);
  // What is counted from here on is what is changed.
  if (live !== null) await lockOutWriters(session, plan, live.oid, signal);
  if (plan.kind === 'replace') return { ...(await publishReplacement(session, scene, live, signal)), kept: [] };
  if (live === null)
    throw new SyncError('TABLE_DIFFERS', `${names.live} was dropped while it was being loaded. Start again.`);
  return mergeStage(session, scene, await alterLive(session, scene, live, 'kept', signal), signal);
}
