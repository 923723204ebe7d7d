import { describe, expect, it } from 'vitest';
import { useBulkFixture } from '../../tests/setup/bulk-fixture.ts';
import { WAITING_FOR_US } from '../../tests/setup/databases.ts';
import { explainCollision } from '../operations/index.ts';
import type { StoreTransaction } from '../store/index.ts';

const fixture = useBulkFixture();

/** Does `first` in a transaction, sends the request, and when that waits for a lock does `then` and commits. */
async function collide<T>(
  first: (transaction: StoreTransaction) => Promise<unknown>,
  request: () => Promise<T>,
  then: (transaction: StoreTransaction) => Promise<unknown> = async () => {},
): Promise<T> {
  const { store } = fixture.api.services;
  const sent = await store.transaction(async (transaction) => {
    await first(transaction);
    const answer = request();
    // In the transaction's own session, which may not be idle for long.
    const count = async () => (await transaction.client.query(WAITING_FOR_US)).rows.length;
    await expect.poll(count, { interval: 5 }).toBe(1);
    await then(transaction);
    return { answer };
  });
  return sent.answer;
}

describe('a write whose organization is deleted while it is done', () => {
  it.each([
    ['without a key', {}],
    ['with an Idempotency-Key', { 'idempotency-key': 'write-that-came-too-late' }],
  ])('is answered with 404, %s', async (_, headers) => {
    const { store, newId } = fixture.api.services;
    const id = newId();
    await store.db.insertInto('organizations').values({ id, name: id }).execute();
    const authorization = `Basic ${Buffer.from(`${id}:${fixture.api.keys.deploymentKey}`).toString('base64')}`;
    const request = { method: 'POST', url: '/api/permissions/roles', authorization, headers } as const;
    const answer = await collide(
      ({ db }) => db.deleteFrom('organizations').where('id', '=', id).execute(),
      () => fixture.api.send({ ...request, body: { name: 'r' } }),
    );
    const message = expect.stringContaining('organization was deleted meanwhile');
    expect([answer.statusCode, answer.json()]).toEqual([404, { status: 404, key: 'NOT_FOUND', message, metadata: {} }]);
  });
});

describe('a bulk sync that is deleted while a request about it is done', () => {
  it.each([
    ['POST', 'executions', {}],
    ['PATCH', 'schemas', { schemas: [{ id: 'public.notes', enabled: false }] }],
    ['PUT', 'schemas/public.customers', { enabled: true }],
    ['POST', 'schedules', { schedule: { frequency: 'hourly', minute: '5' } }],
  ] as const)('answers 404 to %s %s', async (method, path, body) => {
    const id = await fixture.createSync({ schemas: ['public.orders'] });
    const answer = await collide(
      ({ db }) => db.deleteFrom('bulkSyncs').where('id', '=', id).execute(),
      () => fixture.send(method, `/api/bulk/syncs/${id}/${path}`, body),
    );
    expect([answer.status, answer.body.key]).toEqual([404, 'NOT_FOUND']);
  });
});

describe('a change of a bulk sync', () => {
  it.each(['DELETE', 'PUT'] as const)('by %s waits for the engine, which waits for nothing of it', async (method) => {
    const body = fixture.syncBody({ schemas: ['public.orders'], active: true });
    const id = await fixture.createSync(body);
    await fixture.send('POST', `/api/bulk/syncs/${id}/executions`, {});
    // Another destination schema, and no longer active: cursors are forgotten, and what runs is asked to stop.
    const changed = { ...fixture.syncBody(), active: false };
    const answer = await collide(
      ({ client }) => client.query('SELECT id FROM executions WHERE sync_id = $1 FOR UPDATE', [id]),
      () => fixture.send(method, `/api/bulk/syncs/${id}`, method === 'PUT' ? changed : undefined),
      ({ client }) => client.query('UPDATE bulk_sync_schemas SET auto_fields = NULL WHERE sync_id = $1', [id]),
    );
    expect([answer.status, answer.body?.key]).toEqual([200, undefined]);
  });
});

it('tells of a deadlock as of something to send again', async () => {
  const { store, newId } = fixture.api.services;
  const [one, other] = [newId(), newId()];
  for (const id of [one, other]) await store.db.insertInto('organizations').values({ id, name: id }).execute();
  const rename = ({ db }: StoreTransaction, id: string) =>
    db
      .updateTable('organizations')
      .set({ name: `renamed ${id}` })
      .where('id', '=', id)
      .execute();
  const [mine, theirs] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const cross = (first: string, then: string, did: () => void, until: Promise<void>) =>
    store.transaction(async (transaction) => {
      await rename(transaction, first);
      did();
      await until;
      await rename(transaction, then);
    });
  const ends = await Promise.allSettled([
    cross(one, other, mine.resolve, theirs.promise),
    cross(other, one, theirs.resolve, mine.promise),
  ]);
  const failures = ends.flatMap((end) => (end.status === 'rejected' ? [explainCollision(end.reason)] : []));
  expect(failures).toEqual([
    expect.objectContaining({ code: 'REQUESTS_COLLIDED', kind: 'transient', retryAfterMs: 1000 }),
  ]);
});
