import { beforeAll } from 'vitest';
import { type Answer, type BulkFixture, useBulkFixture } from './bulk-fixture.ts';
import { queryDatabase } from './databases.ts';
import { lateBound } from './late-bound.ts';
import { storeModel } from './models.ts';

/** A bulk fixture with two models of its source that are joined, and tables in its destination that a model sync may write. */
export interface ModelSyncFixture {
  readonly bulk: BulkFixture;
  readonly customers: StoredModel;
  readonly orders: StoredModel;
  readonly send: BulkFixture['send'];
  /** A complete request; `changes` lie over it, undefined takes a field away. */
  bodyOf(changes?: Readonly<Record<string, unknown>>): Record<string, unknown>;
  /** Makes a model sync over the API, and answers it as it is shown. */
  make(changes?: Readonly<Record<string, unknown>>): Promise<Answer['body']>;
  /** Names a field of the customers, as a request does. */
  of(field: string): { readonly model_id: string; readonly field: string };
  /** A field of the customers on its way to the field `target`. */
  mapped(field: string, target: string): { readonly source: object; readonly target: string };
}

type StoredModel = Awaited<ReturnType<typeof storeModel>>;

const TARGET_SQL = `
  CREATE TABLE people (id bigint PRIMARY KEY, email text NOT NULL, plan text, doubled bigint GENERATED ALWAYS AS (id * 2) STORED, extra json);
  CREATE TABLE loose (note text)`;

/** One for all tests of the file. */
export function useModelSyncs(): ModelSyncFixture {
  const bulk = useBulkFixture();
  const models = useModels(bulk);
  const send: BulkFixture['send'] = (...request) => bulk.send(...request);
  const fixture: ModelSyncFixture = {
    bulk,
    ...models,
    send,
    of: (field) => ({ model_id: fixture.customers.id, field }),
    mapped: (field, target) => ({ source: fixture.of(field), target }),
    bodyOf: (changes) => ({
      name: 'People',
      mode: 'updateOrCreate',
      target: { connection_id: bulk.destinationId, object: 'public.people' },
      identity: { source: fixture.of('id'), target: 'id', function: 'Equality' },
      fields: [fixture.mapped('email', 'email'), fixture.mapped('plan', 'plan')],
      schedule: { frequency: 'manual' },
      ...changes,
    }),
    make: async (changes) => {
      const { status, body } = await send('POST', '/api/syncs', fixture.bodyOf(changes));
      if (status !== 200) throw new Error(`The model sync was refused: ${JSON.stringify(body)}`);
      return body.data;
    },
  };
  return fixture;
}

function useModels(bulk: BulkFixture): Pick<ModelSyncFixture, 'customers' | 'orders'> {
  let customers: StoredModel | undefined;
  let orders: StoredModel | undefined;
  beforeAll(async () => {
    await queryDatabase(bulk.destination.url, TARGET_SQL);
    const connectionId = bulk.sourceId;
    customers = await storeModel(bulk.api, {
      connectionId,
      name: 'Customers',
      fields: { id: 'number', email: 'string', plan: 'string', updated_at: 'datetime', tags: 'array' },
    });
    orders = await storeModel(bulk.api, {
      connectionId,
      name: 'Orders',
      fields: { order_id: 'number', customer_id: 'number', total: 'number' },
      relations: [{ from: 'customer_id', to: { modelId: customers.id, field: 'id' } }],
    });
  });
  return { customers: lateBound(() => customers), orders: lateBound(() => orders) };
}
