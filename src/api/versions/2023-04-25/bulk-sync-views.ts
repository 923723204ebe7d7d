import type { AutoAddRule } from '../../../core/index.ts';
import type { BulkSyncView } from '../../../operations/index.ts';
import { withoutUndefined } from '../../views/without-nulls.ts';
import type { OlderSyncRequest } from '../2024-02-08/bulk-sync-shapes.ts';
import { fromSwitch, toOlderSyncBody } from '../2024-02-08/bulk-sync-views.ts';
import type { CreateSyncRequest, PatchSyncRequest, SyncBody } from './bulk-sync-shapes.ts';

/** A sync as this version shows it: rules as switches. */
export function toSyncBody(view: BulkSyncView): SyncBody {
  const { automaticallyAddNewFields, automaticallyAddNewObjects } = view.record;
  return {
    ...toOlderSyncBody(view),
    automatically_add_new_fields: automaticallyAddNewFields !== 'none',
    automatically_add_new_objects: automaticallyAddNewObjects !== 'none',
  };
}

/** A create as the next version would send it. */
export function fromCreate(request: CreateSyncRequest): OlderSyncRequest {
  return fromRules(request, null);
}

/** A change as the next version would send the whole sync: what a read of it says, and over that what the request says. */
export function fromPatch(request: PatchSyncRequest, current: BulkSyncView): OlderSyncRequest {
  const { discover, ...body } = toSyncBody(current);
  return fromRules({ ...toRequest(body), ...toSaid(request) }, current);
}

function fromRules(request: CreateSyncRequest, current: BulkSyncView | null): OlderSyncRequest {
  const { automaticallyAddNewFields = null, automaticallyAddNewObjects = null } = current?.record ?? {};
  return {
    ...request,
    destination_configuration: request.destination_configuration ?? {},
    automatically_add_new_fields: fromRule(request.automatically_add_new_fields, automaticallyAddNewFields),
    automatically_add_new_objects: fromRule(request.automatically_add_new_objects, automaticallyAddNewObjects),
  };
}

function fromRule(given: boolean | AutoAddRule | null | undefined, current: AutoAddRule | null): AutoAddRule | null {
  return typeof given === 'string' ? given : fromSwitch(given, current);
}

/** The part of an answer that can be sent. */
function toRequest(body: Omit<SyncBody, 'discover'>): CreateSyncRequest {
  const { id, created_at, created_by, updated_at, updated_by, ...request } = body;
  return request;
}

/** `discover` is another name of the rule for objects, so that only one of them may count. */
function toSaid(request: PatchSyncRequest) {
  const said = withoutUndefined(request);
  return request.discover != null && request.automatically_add_new_objects == null
    ? { ...said, automatically_add_new_objects: request.discover }
    : said;
}
