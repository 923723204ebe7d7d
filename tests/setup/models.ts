import type { ModelField } from '../../src/core/index.ts';
import { insertModel } from '../../src/store/index.ts';
import type { TestApi } from './api.ts';

/** What a test's model is to be; the rest does not matter to it. */
export interface ModelToMake {
  readonly connectionId: string;
  readonly name: string;
  /** Field names with their types. */
  readonly fields: Readonly<Record<string, ModelField['type']>>;
  readonly relations?: readonly {
    readonly from: string;
    readonly to: { readonly modelId: string; readonly field: string };
  }[];
}

/** Stores a model, without asking its source about it. Field ids are made up. */
export async function storeModel(
  { services, keys }: Pick<TestApi, 'services' | 'keys'>,
  { connectionId, name, fields, relations = [] }: ModelToMake,
): Promise<{ readonly id: string; readonly fieldIds: Readonly<Record<string, string>> }> {
  const id = services.newId();
  const detected = Object.entries(fields).map(
    ([field, type]): ModelField => ({
      id: services.newId(),
      name: field,
      label: field,
      type,
      remoteType: null,
      isUnique: false,
      isUserAdded: false,
      example: null,
    }),
  );
  await insertModel(services.store.db, keys.organizationId, {
    id,
    connectionId,
    name,
    configuration: JSON.stringify({ table: 'public.customers' }),
    detectedFields: JSON.stringify(detected),
    relations: JSON.stringify(relations),
    createdByType: 'system',
    updatedByType: 'system',
  });
  return { id, fieldIds: Object.fromEntries(detected.map((field) => [field.name, field.id])) };
}
