import type { Session } from '../../../connector-kit/duckdb/index.ts';
import type { ConnectorContext, LoadPlan, LossGuard, PublishCounts } from '../../../connector-kit/index.ts';
import { SyncError } from '../../../core/index.ts';
import { findTable } from './catalogue.ts';
import { makeRoom } from './history.ts';
import { mergeIntoLive, tryMerge } from './publish-merge.ts';
import { refill, replaceLive } from './publish-replace.ts';
import { findRefusedRows, type RefusedRow, setAside } from './refusals.ts';
import { findPublication, holdFence, recordPublication } from './state.ts';

/** See `Load.publish`: one transaction, with the guard before its first change and the fence as its last statement. */
export async function publishLoad(
  session: Session,
  plan: LoadPlan,
  guard: LossGuard,
  failpoint: ConnectorContext['failpoint'],
): Promise<PublishCounts> {
  const before = await findPublication(session, plan);
  if (before !== null) return before;
  try {
    return await publishWithout(session, plan, guard, [], failpoint);
  } catch (error) {
    if (!(error instanceof SyncError && error.code === 'RECORD_REFUSED')) throw error;
  }
  const apply = (condition: string) =>
    plan.kind === 'replace' ? refill(session, plan, condition) : tryMerge(session, plan, condition);
  const refused = await findRefusedRows(session, plan, guard, apply);
  return publishWithout(session, plan, guard, refused, failpoint);
}

function publishWithout(
  session: Session,
  plan: LoadPlan,
  guard: LossGuard,
  refused: readonly RefusedRow[],
  failpoint: ConnectorContext['failpoint'],
): Promise<PublishCounts> {
  return session.transaction(async () => {
    // A later generation has dropped this one's records: that, and no missing table, is what went wrong.
    await holdFence(session, plan);
    const live = plan.kind === 'replace' ? await findTable(session, plan.table) : null;
    if (live !== null) await makeRoom(session, plan, live);
    const aside = await setAside(session, plan, refused);
    const applied =
      plan.kind === 'replace' ? await replaceLive(session, plan, guard) : await mergeIntoLive(session, plan, guard);
    const counts = { ...applied, ...aside };
    await recordPublication(session, plan, counts);
    failpoint('duckdb-before-publish');
    await holdFence(session, plan);
    return counts;
  });
}
