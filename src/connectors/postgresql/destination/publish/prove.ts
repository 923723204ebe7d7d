import type { Reject } from '../../../../connector-kit/index.ts';
import { type RangeSum, SyncError } from '../../../../core/index.ts';
import { isSameSum, subtractSums } from '../../../../formats/index.ts';
import type { Session } from '../../client.ts';
import { digest, hashRecords, readDigested } from '../digest.ts';
import type { LiveTable } from '../live-table.ts';
import type { PublishScene } from './scene.ts';

/** What the live table refused while it was filled. */
interface Refused {
  /** Records of which the live table may still hold an older version; empty when it was emptied before. */
  readonly rejects: readonly Reject[];
  readonly rejected: RangeSum;
}

/**
 * The shadow is proved before publication. Where its records are then written through triggers or rules, which may change
 * or swallow them, that proof says nothing about the live table, so it is read as well, before the commit.
 * @throws `VERIFICATION_FAILED`; the transaction has to be rolled back, and the old records stay
 */
export async function proveInPlace(
  session: Session,
  scene: PublishScene,
  live: LiveTable,
  refused: Refused,
  signal: AbortSignal,
): Promise<void> {
  if (!(await canMeddle(session, live, signal))) return;
  const { plan, names } = scene;
  const alive = names.deletedAt === null ? '' : ` WHERE ${names.deletedAt} IS NULL`;
  const query = `SELECT ${names.columns.join(', ')} FROM ${names.scratch}${alive}`;
  const expected = subtractSums(await hashRecords(session, plan, query, signal), refused.rejected);
  const scope = {
    plan,
    names,
    range: null,
    countsOnly: false,
    isPublished: true,
    refused: refused.rejects.map(({ key }) => key),
    live: await readDigested(session, plan, true, signal),
  };
  const found = await digest(session, scope, signal);
  if (!isSameSum(expected, found)) throw meddledWith(scene, expected, found);
}

const MEDDLERS = `
  SELECT FROM pg_trigger WHERE tgrelid = $1::oid AND NOT tgisinternal AND tgenabled IN ('O', 'A')
  UNION ALL SELECT FROM pg_rewrite WHERE ev_class = $1::oid AND ev_enabled IN ('O', 'A') LIMIT 1`;

async function canMeddle(session: Session, live: LiveTable, signal: AbortSignal): Promise<boolean> {
  return (await session.query('Looking for triggers and rules', MEDDLERS, [live.oid], signal)).length > 0;
}

function meddledWith({ plan, names }: PublishScene, source: RangeSum, destination: RangeSum): SyncError {
  return new SyncError(
    'VERIFICATION_FAILED',
    `Verification of ${names.live} failed: of ${source.records} records that were written, it holds ${destination.records}, or others; ` +
      `its triggers or rules change them. The previous records were left as they were. Remove the triggers and rules, then start again.`,
    { detail: { schemaId: plan.schemaId, differences: [{ range: 'whole table', source, destination }] } },
  );
}
