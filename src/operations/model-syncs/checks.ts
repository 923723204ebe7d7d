import type { MappedField, ModelSyncFilter, ModelSyncOverride, ModelSyncSchedule } from '../../core/index.ts';
import type { ModelSyncRecord } from '../../store/index.ts';
import type { Context } from '../context.ts';
import { refuseField } from '../refusals.ts';
import { checkFilters, checkOverrides } from './filters.ts';
import type { ModelSyncInput } from './input.ts';
import { checkMapping } from './mapping.ts';
import { loadModels } from './models.ts';
import { checkModelSchedule } from './schedule.ts';
import { checkTarget } from './target.ts';

/** What of a sync is stored otherwise than it was sent. */
export interface CheckedModelSync {
  readonly modelIds: readonly string[];
  readonly targetObject: string;
  readonly fields: readonly MappedField[];
  readonly overrideFields: readonly MappedField[];
  readonly filters: readonly ModelSyncFilter[];
  readonly overrides: readonly ModelSyncOverride[];
  readonly schedule: ModelSyncSchedule;
}

/**
 * Checks everything about a sync but its policies and which other syncs it waits for. What costs nothing comes first.
 * @param before the stored sync; null for a new one
 * @throws `REQUEST_REFUSED` naming the first field that a rule refuses; `FORBIDDEN`; what the target's system says
 */
export async function checkModelSync(
  context: Context,
  input: ModelSyncInput,
  before: ModelSyncRecord | null,
): Promise<CheckedModelSync> {
  if (input.organizationId !== null && input.organizationId !== context.caller.organizationId)
    throw refuseField('organization_id', 'the key belongs to another organization; leave it out');
  const schedule = checkModelSchedule(input.schedule);
  const models = await loadModels(context, input);
  const isSamePlace = before?.targetConnectionId === input.target.connectionId;
  const target = await checkTarget(context, input, isSamePlace ? before.target.create : null);
  const { fields, overrideFields } = checkMapping(input, target);
  const filters = checkFilters(input, models, target);
  const overrides = checkOverrides(input.overrides, models);
  return {
    modelIds: [...models.keys()],
    targetObject: target.objectId,
    fields,
    overrideFields,
    filters,
    overrides,
    schedule,
  };
}
