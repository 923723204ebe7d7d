import type { ModelField, ModelFieldReference } from '../../core/index.ts';
import { listModelsById, type ModelRecord } from '../../store/index.ts';
import type { Context } from '../context.ts';
import { authorize } from '../permissions/authorize.ts';
import { refuseField } from '../refusals.ts';
import type { ModelSyncInput } from './input.ts';

/** The models that a sync names, by id, in the order in which it names them. */
export type SyncModels = ReadonlyMap<string, ModelRecord>;

/** A model's field with the place in the request that names it. */
interface NamedField extends ModelFieldReference {
  readonly place: string;
}

/**
 * Loads every model that the sync names.
 * @throws `REQUEST_REFUSED` naming the field of the request whose model or field is unknown, and when models are not joined;
 * `FORBIDDEN` for a model that the caller may not read
 */
export async function loadModels(context: Context, input: ModelSyncInput): Promise<SyncModels> {
  const named = listNamedFields(input);
  const ids = [...new Set(named.map(({ modelId }) => modelId))];
  const found = new Map(
    (await listModelsById(context.store.db, context.caller.organizationId, ids)).map((model) => [model.id, model]),
  );
  for (const { modelId, field, place } of named) {
    const model = found.get(modelId);
    if (model === undefined) throw refuseField(`${place}.model_id`, `there is no model ${modelId}`);
    if (findField(model, field) === undefined)
      throw refuseField(`${place}.field`, `the model "${model.name}" has no field "${field}"`);
  }
  const models = new Map(ids.flatMap((id) => [found.get(id)].filter(isModel).map((model) => [id, model] as const)));
  for (const { policies } of models.values()) await authorize(context, 'read', { kind: 'model', policies });
  refuseApart(models);
  return models;
}

/** A field of a model by its name. */
export function findField({ fields }: ModelRecord, name: string): ModelField | undefined {
  return fields.find((field) => field.name === name);
}

/** A field of one of the models by its id, or by its name where only one of them has it. */
export function findFieldById(
  models: SyncModels,
  id: string,
): { readonly model: ModelRecord; readonly field: ModelField } | undefined {
  const all = [...models.values()].flatMap((model) => model.fields.map((field) => ({ model, field })));
  const byName = all.filter(({ field }) => field.name === id);
  return all.find(({ field }) => field.id === id) ?? (byName.length === 1 ? byName[0] : undefined);
}

function isModel(model: ModelRecord | undefined): model is ModelRecord {
  return model !== undefined;
}

/** Where the source is ignored (a constant, an override with another name for its field), nothing is looked up. */
function listNamedFields(input: ModelSyncInput): NamedField[] {
  const { identity, fields, filters, overrides } = input;
  return [
    ...(identity === null ? [] : [{ ...identity.source, place: 'identity.source' }]),
    ...fields.flatMap(({ source, overrideValue }, index) =>
      source === null || overrideValue !== null ? [] : [{ ...source, place: `fields[${index}].source` }],
    ),
    ...filters.flatMap(({ side, field }, index) =>
      field === null || side === 'Target' ? [] : [{ ...field, place: `filters[${index}].field` }],
    ),
    ...overrides.flatMap(({ field, fieldId }, index) =>
      field === null || fieldId !== null ? [] : [{ ...field, place: `overrides[${index}].field` }],
    ),
  ];
}

/** Records of two models that nothing joins belong to nobody in common. */
function refuseApart(models: SyncModels): void {
  const [first, ...others] = [...models.values()];
  if (first === undefined) throw refuseField('fields', 'at least one field, or the identity, must come from a model');
  const reached = new Set([first.id]);
  for (let size = 0; size !== reached.size; ) {
    size = reached.size;
    for (const { id, relations } of models.values()) {
      for (const { to } of relations) {
        if (reached.has(id) && models.has(to.modelId)) reached.add(to.modelId);
        if (reached.has(to.modelId)) reached.add(id);
      }
    }
  }
  const apart = others.find(({ id }) => !reached.has(id));
  if (apart === undefined) return;
  throw refuseField(
    'fields',
    `the models "${first.name}" and "${apart.name}" are not joined; give one of them a relation to the other`,
  );
}
