import type { AutoAddRule } from '../../../core/index.ts';
import type { BulkSyncInput, BulkSyncView } from '../../../operations/index.ts';
import { toBulkSyncBody, toBulkSyncOptions } from '../../views/bulk-syncs.ts';
import type { OlderSyncBody, OlderSyncRequest } from './bulk-sync-shapes.ts';
import { fromScheduleRequest, listUnsaid, toScheduleBody } from './schedules.ts';

/** A sync as this version shows it. */
export function toOlderSyncBody(view: BulkSyncView): OlderSyncBody {
  const { default_schedule: _, additional_schedules: __, ...body } = toBulkSyncBody(view);
  return { ...body, schedule: toScheduleBody(view), discover: view.record.automaticallyAddNewObjects !== 'none' };
}

/** A request as the operations take it; `current` is the sync that it changes, null where it makes one. */
export function toOlderSyncInput(request: OlderSyncRequest, current: BulkSyncView | null): BulkSyncInput {
  const { schedule, discover, automatically_add_new_objects: given, ...body } = request;
  const { places: _, ...schedules } = fromScheduleRequest(schedule, current);
  const objects = given ?? fromSwitch(discover, current?.record.automaticallyAddNewObjects ?? null);
  return {
    ...toBulkSyncOptions({ ...body, automatically_add_new_objects: objects }),
    mode: body.mode ?? null,
    ...schedules,
  };
}

/**
 * A rule said as a switch. A switch that is sent back as it was read changes nothing.
 * @param current null = there is none yet
 * @returns null where the request says nothing
 */
export function fromSwitch(given: boolean | null | undefined, current: AutoAddRule | null): AutoAddRule | null {
  if (given == null) return null;
  if (current !== null && given === (current !== 'none')) return current;
  return given ? 'all' : 'none';
}

/** What a refusal names, as the request called it. */
export function toRequestName(request: OlderSyncRequest, current: BulkSyncView | null): (field: string) => string {
  const { places } = fromScheduleRequest(request.schedule, current);
  return (field) => {
    const place = /^(default_schedule|additional_schedules\[\d+\])(?=\.|$)/.exec(field)?.[0] ?? '';
    return `${places.get(place) ?? place}${field.slice(place.length)}`;
  };
}

/** Tells of schedules that the answer leaves out, for the header `Warning`; null when there are none. */
export function warnOfUnsaid(syncs: readonly BulkSyncView[]): string | null {
  const partly = syncs.filter((sync) => listUnsaid(sync).length > 0);
  if (partly.length === 0) return null;
  const whose = partly.length === 1 ? `bulk sync ${partly[0]?.record.id}` : `${partly.length} bulk syncs`;
  return `299 - "schedule leaves out schedules of ${whose} that this version cannot say; see /api/bulk/syncs/{id}/schedules in 2024-02-08 or later"`;
}
