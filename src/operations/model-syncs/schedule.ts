import type { ModelSyncSchedule } from '../../core/index.ts';
import { listKnownSyncIds, listRunAfter, lockRunAfter, type StoreDatabase } from '../../store/index.ts';
import { checkSchedule } from '../bulk-syncs/schedules/schedule-rules.ts';
import type { Context } from '../context.ts';
import { refuseField } from '../refusals.ts';
import type { GivenSchedule } from './input.ts';

/** Checks what needs no look at other syncs. @throws `REQUEST_REFUSED` naming the field */
export function checkModelSchedule(given: GivenSchedule): ModelSyncSchedule {
  const { frequency, runAfter, runAfterSuccessOnly, namesJob, ...parts } = given;
  if (frequency === null) throw refuseField('schedule.frequency', 'it is required');
  if (frequency === 'dbtcloud' || namesJob)
    throw refuseField('schedule.frequency', 'there is no connection to dbt Cloud whose jobs one could wait for');
  const waitsFor = [...runAfter.syncIds, ...runAfter.bulkSyncIds];
  if (frequency !== 'runafter') {
    if (waitsFor.length > 0) throw refuseField('schedule.run_after', 'goes with frequency "runafter" only');
    if (runAfterSuccessOnly === true)
      throw refuseField('schedule.run_after_success_only', 'goes with frequency "runafter" only');
    checkSchedule({ frequency, ...parts }, 'schedule');
    return { frequency, ...parts };
  }
  if (waitsFor.length === 0) throw refuseField('schedule.run_after', 'name at least one sync to wait for');
  if (Object.keys(parts).length > 0) throw refuseField('schedule', 'frequency "runafter" has no time of its own');
  const { syncIds, bulkSyncIds } = runAfter;
  return {
    frequency,
    runAfter: { syncIds: [...new Set(syncIds)], bulkSyncIds: [...new Set(bulkSyncIds)] },
    runAfterSuccessOnly: runAfterSuccessOnly ?? false,
  };
}

/**
 * Refuses to wait for syncs that there are not, and for oneself. Call it in the transaction that saves the schedule: until
 * its end nobody else changes what waits for what.
 * @throws `REQUEST_REFUSED`
 */
export async function refuseBadChain(
  context: Context,
  db: StoreDatabase,
  syncId: string,
  { runAfter }: ModelSyncSchedule,
): Promise<void> {
  if (runAfter === undefined) return;
  const { organizationId } = context.caller;
  await lockRunAfter(db, organizationId);
  await refuseUnknown(db, organizationId, 'sync', runAfter.syncIds, 'sync_ids', [syncId]);
  await refuseUnknown(db, organizationId, 'bulk_sync', runAfter.bulkSyncIds, 'bulk_sync_ids', []);
  const chains = await listRunAfter(db, organizationId);
  const circle = findWayBack(syncId, runAfter.syncIds, new Map(chains.map(({ id, after }) => [id, after])));
  if (circle === null) return;
  const names = circle.map((id) => chains.find((sync) => sync.id === id)?.name ?? id).map((name) => `"${name}"`);
  throw refuseField(
    'schedule.run_after.sync_ids',
    names.length === 0
      ? 'a sync cannot wait for itself'
      : `the sync would wait for itself: ${names.join(' waits for ')} waits for it`,
  );
}

/**
 * The syncs between one and itself, in order, when it waits for `first`; null when none of them waits for it.
 * @param chains what each other sync waits for
 */
export function findWayBack(
  id: string,
  first: readonly string[],
  chains: ReadonlyMap<string, readonly string[]>,
): readonly string[] | null {
  const seen = new Set<string>();
  const ways: (readonly string[])[] = first.map((next) => [next]);
  for (let way = ways.shift(); way !== undefined; way = ways.shift()) {
    const at = way.at(-1) ?? id;
    if (at === id) return way.slice(0, -1);
    if (seen.has(at)) continue;
    seen.add(at);
    for (const next of chains.get(at) ?? []) ways.push([...way, next]);
  }
  return null;
}

async function refuseUnknown(
  db: StoreDatabase,
  organizationId: string,
  kind: 'sync' | 'bulk_sync',
  ids: readonly string[],
  field: string,
  known: readonly string[],
): Promise<void> {
  const found = await listKnownSyncIds(db, organizationId, kind, ids);
  const at = ids.findIndex((id) => !found.has(id) && !known.includes(id));
  if (at === -1) return;
  const noun = kind === 'sync' ? 'model sync' : 'bulk sync';
  throw refuseField(`schedule.run_after.${field}[${at}]`, `there is no ${noun} ${ids[at]}`);
}
