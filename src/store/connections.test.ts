import { expect, it, vi } from 'vitest';
import { useBulkFixture } from '../../tests/setup/bulk-fixture.ts';
import { WAITING_FOR_US } from '../../tests/setup/databases.ts';
import { deleteConnection, updateConnection } from './connections.ts';
import type { StoreTransaction } from './database.ts';
import { deleteOrganization } from './organizations/organizations.ts';
import { listCachedSchemaIds, requestSchemaRefresh, runPendingRefresh } from './schema-caches.ts';

const fixture = useBulkFixture();
const schemas = [
  { id: 'public.orders', name: 'orders', fields: [], primaryKey: [], estimatedRecords: null, estimatedBytes: null },
];

/** What holds a row of the connection's when a refresh of its schemas is about to be stored, and then does more. */
interface Rival {
  begin(transaction: StoreTransaction, organizationId: string, connectionId: string): Promise<unknown>;
  end(transaction: StoreTransaction, organizationId: string, connectionId: string): Promise<unknown>;
}

const lock = ({ client }: StoreTransaction, table: string, id: string) =>
  client.query(`SELECT id FROM ${table} WHERE id = $1 FOR UPDATE`, [id]);

const RIVALS: Readonly<Record<string, Rival>> = {
  'a change of the name, which asks for another refresh': {
    begin: ({ db }, organization, id) => updateConnection(db, organization, id, { name: 'renamed' }),
    end: ({ db }, organization, id) => requestSchemaRefresh(db, organization, id),
  },
  'a delete of the connection': {
    begin: (transaction, _, id) => lock(transaction, 'connections', id),
    end: ({ db }, organization, id) => deleteConnection(db, organization, id),
  },
  'a delete of the organization': {
    begin: (transaction, organization) => lock(transaction, 'organizations', organization),
    end: ({ db }, organization) => deleteOrganization(db, organization),
  },
};

it('stores what refreshes of one connection found that are asked for by many at once', async () => {
  const id = await fixture.connect('asked by many', fixture.source);
  const refresh = () => fixture.send('POST', `/api/connections/${id}/schemas/refresh`);
  const { store } = fixture.api.services;
  const work = async () => {
    await refresh();
    return runPendingRefresh(store, id, async () => ({ schemas, database: null }));
  };
  const rename = (name: string) => updateConnection(store.db, fixture.api.keys.organizationId, id, { name });
  const names = ['one', 'two', 'three', 'four'];
  await Promise.all(names.flatMap((name) => [work(), rename(name)]));
  expect(await listCachedSchemaIds(store.db, fixture.api.keys.organizationId, id)).toEqual(['public.orders']);
});

it.each(Object.entries(RIVALS))(
  'a refresh that is being stored does not wait in a circle with %s',
  async (_, rival) => {
    const id = await fixture.connect(`rival ${crypto.randomUUID()}`, fixture.source);
    const { store } = fixture.api.services;
    const { organizationId } = fixture.api.keys;
    await requestSchemaRefresh(store.db, organizationId, id);
    const refresh = await store.transaction(async (transaction) => {
      await rival.begin(transaction, organizationId, id);
      const refreshed = runPendingRefresh(store, id, async () => ({ schemas, database: null }));
      await untilWaitedFor(transaction);
      await rival.end(transaction, organizationId, id);
      return { refreshed };
    });
    expect(await refresh.refreshed).toBe(true);
  },
);

/** Until somebody waits for what the transaction has locked; asked in its session, which may not be idle for long. */
async function untilWaitedFor({ client }: StoreTransaction): Promise<void> {
  await vi.waitUntil(async () => (await client.query(WAITING_FOR_US)).rows.length > 0, { timeout: 60_000 });
}
