import { collectRefusals, type LoadPlan } from '../../../connector-kit/index.ts';
import type { DestructiveStep, LoadPreview, LossBasis, PlanRefusal, TableChange } from '../../../core/index.ts';
import type { Session } from '../client.ts';
import { quoteName, quoteTable } from '../sql.ts';
import { refuseGaps, refuseOtherKinds, refuseUnfit } from './fit.ts';
import { type LiveTable, readLiveTable, refuseOwnNames } from './live-table.ts';
import { willBeAdopted } from './ownership.ts';
import { chooseReplacement, type Way } from './preview-replacement.ts';
import { listChanges, listCreation, type Place, readPlace } from './preview-table.ts';
import { refuseRebuild } from './publish/dependants.ts';
import { refuseHidden } from './row-security.ts';
import { refuseTooWide } from './table-width.ts';
import { commonType } from './type-fit.ts';

/** What a load would find and do, from the catalogue. The session's transaction should be READ ONLY: the server then holds us to it. */
export async function previewLoad(session: Session, plan: LoadPlan, signal: AbortSignal): Promise<LoadPreview> {
  const live = await readLiveTable(session, plan.table, signal);
  if (live === null) return previewNew(plan, await readPlace(session, plan.table.schema, signal));
  const named = await refuseNames(plan);
  const adopted = await willBeAdopted(session, plan, signal);
  const way = plan.kind === 'replace' ? await chooseReplacement(session, plan, live, adopted, signal) : null;
  const changes = listChanges(plan, live, { how: way?.how ?? null, isAdopted: adopted });
  const refusals = [...named, ...(await refuseLive(session, plan, live, { way, adopted }, signal))];
  return {
    replacement: way === null ? null : { how: way.how, reason: way.reason },
    changes,
    destroys: listDestroyed(plan, live, way, changes),
    comparesLoss: toLossBasis(plan, live),
    liveRecords: await estimateRecords(session, live, signal),
    refusals,
  };
}

/** The same where there is no table yet, in a place that is known. */
export async function previewNew(plan: LoadPlan, place: Place): Promise<LoadPreview> {
  const named = await refuseNames(plan);
  const { changes, refusals } = listCreation(place, plan);
  const isReplace = plan.kind === 'replace';
  return {
    replacement: isReplace ? { how: 'create', reason: 'there is no such table yet' } : null,
    changes,
    destroys: [],
    comparesLoss: 'nothing',
    liveRecords: 0,
    refusals: [...named, ...refusals],
  };
}

function refuseNames(plan: LoadPlan): Promise<readonly PlanRefusal[]> {
  return collectRefusals(
    () => refuseTooWide(plan),
    () => refuseOwnNames(plan),
  );
}

async function refuseLive(
  session: Session,
  plan: LoadPlan,
  live: LiveTable,
  { way, adopted }: { readonly way: Way | null; readonly adopted: boolean },
  signal: AbortSignal,
): Promise<readonly PlanRefusal[]> {
  return collectRefusals(
    () => refuseOtherKinds(plan, live),
    async () => {
      if (live.mayHide) await refuseHidden(session, plan, live.oid, signal);
    },
    async () => {
      if (plan.kind === 'replace' && plan.replacement === 'rebuild') await refuseRebuild(session, plan, live, signal);
    },
    () => {
      if (way?.refusal !== undefined) throw way.refusal;
    },
    async () => {
      if (way?.how !== 'exchange') await refuseUnfit(session, plan, live, adopted, signal);
    },
    () => refuseGaps(plan, live),
  );
}

function listDestroyed(
  plan: LoadPlan,
  live: LiveTable,
  way: Way | null,
  changes: readonly TableChange[],
): readonly DestructiveStep[] {
  const table = quoteTable(plan.table);
  const steps: DestructiveStep[] = [];
  if (way?.how === 'exchange')
    steps.push({
      kind: 'exchange_table',
      text: `${table} is dropped, and the new table takes its name in the same transaction.`,
    });
  if (way?.how === 'in_place')
    steps.push({ kind: 'empty_table', text: `${table} is emptied and filled anew in one transaction.` });
  for (const { kind, column } of changes)
    if (kind === 'drop_column') steps.push({ kind, text: `Column ${quoteName(column ?? '')} goes with its values.` });
  const keepsTombstones = live.columns.has(`${plan.columnPrefix}deleted_at`);
  const isLetGo = way === null ? plan.kind === 'merge' && !plan.tombstones : !plan.tombstones || isRebuilt(plan);
  if (keepsTombstones && isLetGo)
    steps.push({ kind: 'remove_tombstones', text: 'Records that are marked as deleted are removed.' });
  return steps;
}

function isRebuilt({ kind, replacement }: LoadPlan): boolean {
  return kind === 'replace' && replacement === 'rebuild';
}

/** As the publication decides. */
function toLossBasis(plan: LoadPlan, live: LiveTable): LossBasis {
  if (plan.kind === 'delta') return 'nothing';
  const keys = plan.columns.filter(({ isKey }) => isKey);
  const isKeyed =
    keys.length > 0 && keys.every(({ name, type }) => commonType(live.columns.get(name) ?? '', type) !== null);
  return plan.kind === 'merge' || isKeyed ? 'keys' : 'count';
}

async function estimateRecords(session: Session, live: LiveTable, signal: AbortSignal): Promise<number | null> {
  const [row] = await session.query(
    'Reading the statistics of a table',
    'SELECT reltuples::bigint::text AS records FROM pg_class WHERE oid = $1::oid',
    [live.oid],
    signal,
  );
  const records = Number(row?.records ?? -1);
  return records < 0 ? null : records;
}
