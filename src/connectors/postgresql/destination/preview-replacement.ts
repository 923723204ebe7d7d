import type { LoadPlan } from '../../../connector-kit/index.ts';
import { type ReplacementWay, SyncError } from '../../../core/index.ts';
import type { Session } from '../client.ts';
import type { LiveTable } from './live-table.ts';
import { refuseReferenced } from './publish/alter.ts';
import { findDependants, isReferenced } from './publish/dependants.ts';

/** How a replacement would take its place now, and what stands against it. */
export interface Way {
  readonly how: ReplacementWay;
  readonly reason: string;
  readonly refusal?: SyncError;
}

/** As the publication will decide, unless somebody hangs something on the table meanwhile. */
export async function chooseReplacement(
  session: Session,
  plan: LoadPlan,
  live: LiveTable,
  isAdopted: boolean,
  signal: AbortSignal,
): Promise<Way> {
  if (plan.replacement === 'rebuild') return { how: 'exchange', reason: 'the table is made anew' };
  if (await isReferenced(session, live, signal)) {
    const how = { how: 'difference', reason: 'another table’s foreign key points to it' } as const;
    const refusal = caught(() => refuseReferenced(plan, live, isAdopted));
    return refusal === null ? how : { ...how, refusal };
  }
  if (plan.replacement === 'in_place') return { how: 'in_place', reason: 'the table is to stay the same object' };
  if (isAdopted) return { how: 'in_place', reason: 'Millrace did not make the table' };
  const dependants = await findDependants(session, plan, live, signal);
  if (dependants.length === 0) return { how: 'exchange', reason: 'nothing hangs on the table' };
  return { how: 'in_place', reason: `these hang on the table: ${dependants.join('; ')}` };
}

function caught(check: () => void): SyncError | null {
  try {
    check();
    return null;
  } catch (error) {
    if (error instanceof SyncError) return error;
    throw error;
  }
}
