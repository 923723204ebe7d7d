import type { CreateModelRequest, ModelBody, ModelFieldBody, PatchModelRequest } from '../../contract/index.ts';
import { listModelFields, type ModelField } from '../../core/index.ts';
import type {
  ModelChange,
  ModelFields,
  ModelInput,
  ModelSourceDescription,
  ModelView,
  SourceField,
} from '../../operations/index.ts';
import { toActorBody } from './actors.ts';

/** A model on the wire. */
export function toModelBody(model: ModelView): ModelBody {
  return {
    id: model.id,
    name: model.name,
    type: model.connectionType,
    organization_id: model.organizationId,
    connection_id: model.connectionId,
    configuration: model.configuration,
    fields: model.fields.map(toModelFieldBody),
    ...(model.identifier === null ? {} : { identifier: model.identifier }),
    tracking_columns: [...model.trackingColumns],
    relations: model.relations.map(({ from, to }) => ({ from, to: { model_id: to.modelId, field: to.field } })),
    labels: model.labels.map((id) => ({ id })),
    policies: model.policies,
    version: model.version,
    created_at: model.createdAt.toISOString(),
    created_by: toActorBody(model.createdBy),
    updated_at: model.updatedAt.toISOString(),
    updated_by: toActorBody(model.updatedBy),
  };
}

/** What would be stored, as far as it is known before. */
export function toPreviewBody(input: ModelInput, fields: ModelFields): Partial<ModelBody> {
  return {
    name: input.name,
    connection_id: input.connectionId,
    configuration: input.configuration,
    fields: listModelFields(fields).map(toModelFieldBody),
    ...(input.identifier === null ? {} : { identifier: input.identifier }),
    tracking_columns: [...input.trackingColumns],
  };
}

/** A field of a model on the wire. */
export function toModelFieldBody(field: ModelField): ModelFieldBody {
  return {
    id: field.id,
    name: field.name,
    label: field.label,
    type: field.type,
    ...(field.remoteType === null ? {} : { remote_type: field.remoteType }),
    unique: field.isUnique,
    user_added: field.isUserAdded,
    ...(field.example === null ? {} : { example: field.example }),
  };
}

/** A field that a model could have. */
export function toSourceFieldBody(field: SourceField): ModelFieldBody {
  const { name, type, remoteType, isUnique } = field;
  return { name, label: name, type, remote_type: remoteType, unique: isUnique, user_added: false };
}

/** What a model could be made of. */
export function toModelSourceBody({ kinds, isOpen }: ModelSourceDescription) {
  const configuration = kinds.map(({ kind, ids }) => [
    kind,
    { type: 'string', ...(ids === null ? {} : { items: [...ids] }) },
  ]);
  const items = kinds.map(({ kind, ids }) => [
    kind,
    { has_items: ids !== null, items: [...(ids ?? [])], requires_one_of: [] },
  ]);
  return {
    configuration: Object.fromEntries(configuration),
    items: Object.fromEntries(items),
    requires_one_of: isOpen ? kinds.map(({ kind }) => kind) : [],
  };
}

/** What a request changes of a model: what it does not name is undefined. */
export function toModelChange(body: PatchModelRequest): ModelChange {
  const { name = '', connection_id = '', configuration = {} } = body;
  const whole = toModelInput({ ...body, name, connection_id, configuration });
  const isNamed = (key: keyof CreateModelRequest) => body[key] !== undefined;
  return {
    ...whole,
    name: body.name,
    connectionId: body.connection_id,
    configuration: body.configuration,
    fields: isNamed('fields') ? whole.fields : undefined,
    additionalFields: isNamed('additional_fields') ? whole.additionalFields : undefined,
    identifier: isNamed('identifier') ? whole.identifier : undefined,
    trackingColumns: isNamed('tracking_columns') ? whole.trackingColumns : undefined,
    relations: isNamed('relations') ? whole.relations : undefined,
    labels: isNamed('labels') ? whole.labels : undefined,
    policies: isNamed('policies') ? whole.policies : undefined,
  };
}

/** A model as a request gives it. */
export function toModelInput(body: CreateModelRequest): ModelInput {
  return {
    name: body.name,
    connectionId: body.connection_id,
    configuration: body.configuration,
    fields: body.fields ?? null,
    additionalFields: (body.additional_fields ?? []).map(({ example, ...field }) => ({
      ...field,
      example: example ?? null,
    })),
    // Clients that cannot leave it out send an empty one.
    identifier: body.identifier === undefined || body.identifier === '' ? null : body.identifier,
    trackingColumns: body.tracking_columns ?? [],
    relations: (body.relations ?? []).map(({ from, to }) => ({ from, to: { modelId: to.model_id, field: to.field } })),
    labels: body.labels ?? [],
    policies: body.policies ?? [],
    enricherConnectionId: body.enricher?.connection_id ?? null,
    organizationId: body.organization_id ?? null,
  };
}
