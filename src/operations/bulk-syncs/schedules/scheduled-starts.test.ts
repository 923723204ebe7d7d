import { expect, it } from 'vitest';
import { useBulkFixture } from '../../../../tests/setup/bulk-fixture.ts';
import { happen } from '../../../../tests/setup/executions.ts';
import type { Services } from '../../context.ts';
import { startDueSync } from './scheduled-starts.ts';

const fixture = useBulkFixture({ clock: () => now });
const now = new Date();

async function createDueSync() {
  const syncId = await fixture.createSync({ active: true, default_schedule: { frequency: 'continuous' } });
  const { db } = fixture.api.services.store;
  await db.updateTable('bulkSyncSchedules').set({ dueAt: now }).where('syncId', '=', syncId).execute();
  return { organizationId: fixture.api.keys.organizationId, syncId };
}

/** A process that is stopped between its look at what is due and its transaction, until the gate opens. */
function withGate(gate: Promise<void>): { readonly services: Services; readonly arrived: Promise<void> } {
  const { services } = fixture.api;
  const { promise, resolve } = Promise.withResolvers<void>();
  const forOrganization: Services['store']['forOrganization'] = (organizationId) => {
    const scoped = services.store.forOrganization(organizationId);
    return {
      ...scoped,
      transaction: async (work) => {
        resolve();
        await gate;
        return scoped.transaction(work);
      },
    };
  };
  return { services: { ...services, store: { ...services.store, forOrganization } }, arrived: promise };
}

it('starts nothing for what another process has served meanwhile, even when that has ended', async () => {
  const due = await createDueSync();
  const { promise: gate, resolve: open } = Promise.withResolvers<void>();
  const slow = withGate(gate);
  const outcome = startDueSync(slow.services, due);
  await slow.arrived;
  const fast = await startDueSync(fixture.api.services, due);
  if (fast.kind !== 'started') throw new Error(`not started: ${fast.kind}`);
  await happen(fixture.api, fast.executionId, 'start');
  await happen(fixture.api, fast.executionId, 'complete');
  open();
  expect(await outcome).toEqual({ kind: 'nothing' });
});

it('leaves a sync alone that is being saved, without waiting for it, and one that is not active any more', async () => {
  const due = await createDueSync();
  await fixture.api.services.store.transaction(async ({ db }) => {
    await db.updateTable('bulkSyncs').set({ name: 'saved' }).where('id', '=', due.syncId).execute();
    expect(await startDueSync(fixture.api.services, due)).toEqual({ kind: 'nothing' });
  });
  const { promise: gate, resolve: open } = Promise.withResolvers<void>();
  const slow = withGate(gate);
  const outcome = startDueSync(slow.services, due);
  await slow.arrived;
  await fixture.api.services.store.db
    .updateTable('bulkSyncs')
    .set({ active: false })
    .where('id', '=', due.syncId)
    .execute();
  open();
  expect(await outcome).toEqual({ kind: 'nothing' });
});

it('stores neither the execution nor the next time when the queue does not take it', async () => {
  const due = await createDueSync();
  const { services } = fixture.api;
  const executions: Services['executions'] = { enqueue: () => Promise.reject(new Error('the queue is gone')) };
  await expect(startDueSync({ ...services, executions }, due)).rejects.toThrow('the queue is gone');
  expect(await startDueSync(services, due)).toMatchObject({ kind: 'started' });
});
