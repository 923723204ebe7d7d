import type { Reject } from '../../../../connector-kit/index.ts';
import { type RangeSum, SyncError } from '../../../../core/index.ts';
import { emptySum } from '../../../../formats/index.ts';
import type { Session } from '../../client.ts';
import { hashRecords, toColumnList } from '../digest.ts';
import { type ApplyStatements, DIFF, type DiffCounts } from './diff.ts';
import { toKeyText } from './kept.ts';
import type { PublishScene } from './scene.ts';

/** What the live table refused. */
export interface Refusals {
  readonly rejects: readonly Reject[];
  /** Sum of the refused records' hashes. */
  readonly rejected: RangeSum;
  readonly isRejected: { readonly inserted: number; readonly updated: number };
}

interface Refused {
  readonly op: string;
  readonly stage: string;
  readonly reject: Reject;
}

/**
 * Writes all records of the diff at once; what is refused is halved until single records are left,
 * and left out: some twenty statements for each.
 * @throws `TOO_MANY_REJECTS` when more are refused than the guard allows
 */
export async function applyIsolated(
  session: Session,
  scene: PublishScene,
  statements: ApplyStatements,
  counts: Pick<DiffCounts, 'inserted' | 'updated' | 'last'>,
  signal: AbortSignal,
): Promise<Refusals> {
  const refused: Refused[] = [];
  const most = scene.guard.maxRejects ?? Number.POSITIVE_INFINITY;
  const parts: [number, number][] = counts.inserted + counts.updated > 0 ? [[1, counts.last]] : [];
  for (let part = parts.pop(); part !== undefined; part = parts.pop()) {
    const [from, to] = part;
    const error = await tryPart(session, scene, statements, { from, to, isAll: to - from + 1 === counts.last }, signal);
    if (error === null) continue;
    const middle = Math.floor((from + to) / 2);
    if (from === to) refused.push(await describeRefused(session, scene, from, error, signal));
    else parts.push([middle + 1, to], [from, middle]);
    if (refused.length > most) throw tooMany(scene, most);
  }
  return summarize(session, scene, refused, signal);
}

async function tryPart(
  session: Session,
  scene: PublishScene,
  statements: ApplyStatements,
  part: { readonly from: number; readonly to: number; readonly isAll: boolean },
  signal: AbortSignal,
): Promise<SyncError | null> {
  const action = `Writing into ${scene.names.live}`;
  const within = part.isAll ? '' : ` AND d.no BETWEEN ${part.from} AND ${part.to}`;
  await session.script(action, 'SAVEPOINT part', signal);
  try {
    await session.script(action, `${statements.update}${within}`, signal);
    await session.script(action, `${statements.insert}${within}`, signal);
    await session.script(action, 'RELEASE SAVEPOINT part', signal);
    return null;
  } catch (error) {
    if (!(error instanceof SyncError) || error.code !== 'RECORD_REFUSED') throw error;
    await session.script(action, 'ROLLBACK TO SAVEPOINT part', signal);
    return error;
  }
}

async function describeRefused(
  session: Session,
  scene: PublishScene,
  no: number,
  error: SyncError,
  signal: AbortSignal,
): Promise<Refused> {
  const keys = scene.plan.columns.filter(({ isKey }) => isKey);
  const columns = keys.map((key, index) => `, ${toKeyText(scene.plan, key, 's')} AS k${index}`).join('');
  const [row] = await session.query(
    'Naming a refused record',
    `SELECT d.op, d.stage::text AS stage${columns} FROM ${DIFF} d JOIN ${scene.names.scratch} s ON s.ctid = d.stage WHERE d.no = $1`,
    [no],
    signal,
  );
  const key = Object.fromEntries(keys.map(({ field }, index) => [field, row?.[`k${index}`] ?? null]));
  const reason = typeof error.detail.reason === 'string' ? error.detail.reason : error.message;
  return { op: row?.op ?? '', stage: row?.stage ?? '', reject: { key: keys.length === 0 ? null : key, reason } };
}

async function summarize(
  session: Session,
  scene: PublishScene,
  refused: readonly Refused[],
  signal: AbortSignal,
): Promise<Refusals> {
  const inserted = refused.filter(({ op }) => op === 'i').length;
  const isRejected = { inserted, updated: refused.length - inserted };
  if (refused.length === 0) return { rejects: [], rejected: emptySum(false), isRejected };
  const places = refused.map(({ stage }) => `"${stage}"`).join(',');
  const query = `SELECT ${toColumnList(scene.plan, null, 's')} FROM ${scene.names.scratch} s WHERE s.ctid = ANY ('{${places}}'::tid[])`;
  return {
    rejects: refused.map(({ reject }) => reject),
    rejected: await hashRecords(session, scene.plan, query, signal),
    isRejected,
  };
}

function tooMany({ names }: PublishScene, most: number): SyncError {
  return new SyncError(
    'TOO_MANY_REJECTS',
    `${names.live} refused more than ${most} records; no record was changed. Look at its constraints and triggers.`,
  );
}
