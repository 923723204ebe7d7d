import type { LoadPlan, PublishCounts } from '../../../connector-kit/index.ts';
import { SyncError } from '../../../core/index.ts';
import { toWorkName } from '../client/work-name.ts';
import type { Session } from '../client.ts';
import { quoteTable } from '../sql.ts';
import { LOCK_TIMEOUT } from './generations.ts';
import { readLiveTable } from './live-table.ts';
import { alterLive } from './publish/alter.ts';
import { mergeStage } from './publish/merge.ts';
import { publishReplacement } from './publish/replace.ts';
import type { Publication, PublishScene } from './publish/scene.ts';
import { refuseHidden } from './row-security.ts';
import { fenceLost, hasState, takeOver } from './state.ts';

const SETTINGS = `${LOCK_TIMEOUT}; SET LOCAL work_mem = '64MB'`;

/** What this generation's publication left, or null. */
export async function readPublication(
  session: Session,
  plan: LoadPlan,
  signal: AbortSignal,
): Promise<Publication | null> {
  if (!(await hasState(session, signal))) return null;
  const [row] = await session.query(
    'Looking for the publication',
    'SELECT counts::text FROM __millrace.publications WHERE sync_id = $1 AND schema_id = $2 AND generation = $3',
    [plan.syncId, plan.schemaId, plan.generation],
    signal,
  );
  // Written by `publish` below and by nobody else.
  return row?.counts == null ? null : (JSON.parse(row.counts) as Publication);
}

/** Brings the finished generation into the live table, in one transaction. @throws `LOSS_GUARD`, `FENCE_LOST` */
export async function publish(session: Session, scene: PublishScene, signal: AbortSignal): Promise<PublishCounts> {
  const { plan, context } = scene;
  const action = `Publishing ${quoteTable(plan.table)}`;
  const before = await readPublication(session, plan, signal);
  if (before !== null) return before;
  await becomePublisher(session, plan, signal);
  // The one before us may have committed while we waited for the fence's row.
  const meanwhile = await readPublication(session, plan, signal);
  if (meanwhile !== null) {
    await passFence(session, plan, signal);
    return meanwhile;
  }
  const name = toWorkName(session.name, plan.table.name);
  await session.script(action, `BEGIN; ${name}; ${SETTINGS}; SET CONSTRAINTS ALL IMMEDIATE`, signal);
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

/** Ends an earlier owner's attempt to publish the same generation, and leaves our own name for the next one. */
async function becomePublisher(session: Session, plan: LoadPlan, signal: AbortSignal): Promise<void> {
  const action = `Taking over the publication of ${quoteTable(plan.table)}`;
  const key = [plan.syncId, plan.schemaId, plan.generation];
  const where = 'WHERE sync_id = $1 AND schema_id = $2 AND generation = $3';
  const [before] = await session.query(
    action,
    `SELECT pid, backend_start FROM __millrace.fences ${where} AND pid IS NOT NULL`,
    key,
    signal,
  );
  const earlier = before === undefined ? null : { pid: before.pid ?? '', startedAt: before.backend_start ?? '' };
  const statement = () =>
    session.execute(
      action,
      `UPDATE __millrace.fences SET pid = $4, backend_start = $5 ${where}`,
      [...key, session.pid, session.startedAt],
      signal,
    );
  if ((await takeOver(session, earlier, statement, signal)) === 0) throw fenceLost(plan);
}

/** The last statement before COMMIT: only the publisher of the newest generation gets through. */
async function passFence(session: Session, plan: LoadPlan, signal: AbortSignal): Promise<void> {
  const passed = await session.execute(
    'Passing the fence',
    `UPDATE __millrace.fences f SET pid = NULL, backend_start = NULL FROM __millrace.owners o
     WHERE f.sync_id = $1 AND f.schema_id = $2 AND f.generation = $3 AND f.pid = $4 AND f.backend_start = $5
       AND o.table_schema = $6 AND o.table_name = $7 AND o.sync_id = $1 AND o.schema_id = $2`,
    [plan.syncId, plan.schemaId, plan.generation, session.pid, session.startedAt, plan.table.schema, plan.table.name],
    signal,
  );
  if (passed === 0) throw fenceLost(plan);
}

async function apply(session: Session, scene: PublishScene, signal: AbortSignal): Promise<Publication> {
  const { plan, names } = scene;
  const live = await readLiveTable(session, plan.table, signal);
  if (live !== null) {
    // Readers go on; other writers wait, so what is counted is what is changed.
    await session.script(`Locking ${names.live}`, `LOCK TABLE ONLY ${names.live} IN SHARE ROW EXCLUSIVE MODE`, signal);
    // A policy that came meanwhile. From here on none can come.
    await refuseHidden(session, plan, live.oid, signal);
  }
  if (plan.kind === 'replace') return { ...(await publishReplacement(session, scene, live, signal)), kept: [] };
  if (live === null)
    throw new SyncError('TABLE_DIFFERS', `${names.live} was dropped while it was being loaded. Start again.`);
  return mergeStage(session, scene, await alterLive(session, scene, live, 'kept', signal), signal);
}
