import { z } from 'zod';
import {
  createModelSyncRequestSchema,
  type ModelSyncBody,
  type ModelSyncRequest,
  modelSyncSchema,
} from '../../../contract/index.ts';
import { MODEL_MODES } from '../../../core/index.ts';
import type { ModelSyncInput, ModelSyncView } from '../../../operations/index.ts';
import { toModelSyncBody, toModelSyncInput } from '../../views/model-syncs.ts';

const wide = createModelSyncRequestSchema.shape;
const field = wide.fields.element.required({ source: true });
const sourced = field.extend({ source: field.shape.source.unwrap().unwrap() });
const filter = wide.filters.unwrap().unwrap().element;
const bound = filter.extend({
  field_id: filter.shape.field_id.unwrap().unwrap(),
  field_type: filter.shape.field_type.unwrap().unwrap(),
});

/** Every field of the target has a source, a filter names its field by id, and the target is an object that is there. */
export const createRequestSchema = createModelSyncRequestSchema.extend({
  mode: z.enum(MODEL_MODES).exclude(['remove']),
  target: wide.target.omit({ create: true }).extend({ object: z.string() }),
  fields: z.array(sourced).optional(),
  override_fields: z.array(sourced).nullish(),
  filters: z.array(bound).nullish(),
});

/** What it names is changed; the rest stays. */
export const updateRequestSchema = createRequestSchema.partial();
type UpdateRequest = z.output<typeof updateRequestSchema>;

const answers = modelSyncSchema.shape;
const fieldAnswer = answers.fields.element;
const sourcedAnswer = fieldAnswer.extend({ source: fieldAnswer.shape.source.unwrap() });

/** A model sync in an answer of this version. */
export const oldestModelSyncSchema = modelSyncSchema.extend({
  target: answers.target.omit({ create: true }).extend({ object: z.string() }),
  fields: z.array(sourcedAnswer),
  override_fields: z.array(sourcedAnswer),
});
type OldestBody = z.output<typeof oldestModelSyncSchema>;

/** Constants are shown with a source that is no field, and a target that is still to be made by its id. */
export function toOldestBody(view: ModelSyncView): OldestBody {
  const body = toModelSyncBody(view);
  const [model = ''] = body.model_ids;
  const withSource = (one: ModelSyncBody['fields'][number]) => ({
    ...one,
    source: one.source ?? { model_id: model, field: '' },
  });
  const { create: _, ...target } = body.target;
  return {
    ...body,
    fields: body.fields.map(withSource),
    override_fields: body.override_fields.map(withSource),
    target: { ...target, object: view.record.targetObject },
  };
}

/** The whole of a sync after a change of this version. */
export function toPatchedInput(current: ModelSyncView, body: UpdateRequest): ModelSyncInput {
  const now = toModelSyncBody(current);
  const { name = now.name, mode = now.mode, fields = now.fields, schedule = now.schedule } = body;
  const target = toTarget(current, body.target);
  return toModelSyncInput({ ...now, ...body, name, mode, fields, schedule, target });
}

/** A target that is to be made is called by its id here, and stays one that is to be made. */
function toTarget(current: ModelSyncView, target: UpdateRequest['target']): ModelSyncRequest['target'] {
  const now = toModelSyncBody(current).target;
  if (target === undefined) return now;
  const { targetObject, targetConnectionId } = current.record;
  const isSame = target.object === targetObject && target.connection_id === targetConnectionId;
  return isSame && now.create !== undefined ? { ...target, object: null, create: now.create } : target;
}
