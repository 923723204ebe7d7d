import type { FoundField } from '../../connector-kit/index.ts';
import { type FieldType, listModelFields, type ModelField, type ModelRelation } from '../../core/index.ts';
import { listModelsById } from '../../store/index.ts';
import type { Context } from '../context.ts';
import { refuseField } from '../refusals.ts';

/** A field that a user names beside those of the source. */
export interface AdditionalField {
  readonly name: string;
  readonly label: string;
  readonly type: FieldType;
  readonly example: string | null;
}

/** What a model says about its fields. */
export interface FieldChoice {
  /** Null = all. */
  readonly fields: readonly string[] | null;
  readonly additionalFields: readonly AdditionalField[];
  readonly identifier: string | null;
  readonly trackingColumns: readonly string[];
  readonly relations: readonly ModelRelation[];
}

/** The parts of a model that are about its fields, checked. */
export interface ModelFields {
  readonly detectedFields: readonly ModelField[];
  readonly selectedFields: readonly string[] | null;
  readonly additionalFields: readonly ModelField[];
}

/**
 * What the source shows and what the user chose, as it is stored. A field keeps the id that one of its name had.
 * @throws `REQUEST_REFUSED` naming the field of the request
 */
export function toModelFields(
  context: Context,
  choice: FieldChoice,
  detected: readonly FoundField[],
  known: readonly ModelField[],
): ModelFields {
  const idOf = (name: string) => known.find((field) => field.name === name)?.id ?? context.newId();
  const detectedFields = detected.map((field) => ({
    ...field,
    id: idOf(field.name),
    label: field.name,
    isUserAdded: false,
    example: null,
  }));
  const additionalFields = choice.additionalFields.map((field) => ({
    ...field,
    id: idOf(field.name),
    remoteType: null,
    isUnique: false,
    isUserAdded: true,
  }));
  const model = { detectedFields, selectedFields: choice.fields, additionalFields };
  refuseOddFields(model, choice);
  return model;
}

function refuseOddFields(model: ModelFields, choice: FieldChoice): void {
  const detected = new Set(model.detectedFields.map(({ name }) => name));
  choice.fields?.forEach((name, index) => {
    if (!detected.has(name)) throw refuseField(`fields[${index}]`, `the source shows no field "${name}"`);
  });
  const taken = new Set(detected);
  model.additionalFields.forEach(({ name }, index) => {
    if (taken.has(name)) throw refuseField(`additional_fields[${index}].name`, `there is a field "${name}" already`);
    taken.add(name);
  });
  const names = new Set(listModelFields(model).map(({ name }) => name));
  const demand = (field: string, name: string) => {
    if (!names.has(name)) throw refuseField(field, `the model has no field "${name}"`);
  };
  if (choice.identifier !== null) demand('identifier', choice.identifier);
  choice.trackingColumns.forEach((name, index) => {
    demand(`tracking_columns[${index}]`, name);
  });
  choice.relations.forEach(({ from }, index) => {
    demand(`relations[${index}].from`, from);
  });
}

/** @throws `REQUEST_REFUSED` for a relation to a model, or a field of one, that there is not */
export async function refuseOddRelations(context: Context, relations: readonly ModelRelation[]): Promise<void> {
  const ids = [...new Set(relations.map(({ to }) => to.modelId))];
  const models = await listModelsById(context.store.db, context.caller.organizationId, ids);
  relations.forEach(({ to }, index) => {
    const model = models.find(({ id }) => id === to.modelId.toLowerCase());
    const place = `relations[${index}].to`;
    if (model === undefined)
      throw refuseField(`${place}.model_id`, `there is no model ${to.modelId} in this organization`);
    if (!model.fields.some(({ name }) => name === to.field))
      throw refuseField(`${place}.field`, `model "${model.name}" has no field "${to.field}"`);
  });
}
