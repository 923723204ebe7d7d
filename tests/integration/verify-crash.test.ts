import { describe, expect, it } from 'vitest';
import type { BulkSyncBody } from '../../src/contract/index.ts';
import { ALTERED, PEOPLE } from '../setup/altered-people.ts';
import { LIMIT_MS, useServer, useSyncScene } from '../setup/hooks.ts';
import { untilEnded } from '../setup/syncs.ts';

// The server dies, as by kill -9, in the middle of comparisons and repairs.

// The points at which this server dies; each test begins where the one before it has left it.
let failpoints = 'before-comparison=exit';
const server = useServer(() => ({ MILLRACE_FAILPOINTS: failpoints }));
const scene = useSyncScene(server, PEOPLE);

/** Waits until the server has died, and starts the next one. */
async function dieAndRestart(nextFailpoints: string): Promise<void> {
  expect(await server.exited).toMatchObject({ signal: 'SIGKILL' });
  failpoints = nextFailpoints;
  await server.restart();
}

async function load(): Promise<BulkSyncBody> {
  const sync = await scene.make([{ id: 'public.people', tracking_field: 'changed_at' }]);
  const { receipt } = await scene.run(sync.id);
  expect(receipt?.verdict).toBe('equal');
  await scene.inDestination(ALTERED);
  return sync;
}

const landed = () =>
  scene.inDestination('SELECT id, name FROM landing.people WHERE __millrace_deleted_at IS NULL ORDER BY id');

describe('a server that dies', () => {
  it(
    'before a comparison makes it anew, and finds the same',
    async () => {
      const sync = await load();
      const before = await landed();
      const { id } = await server.client.verifyBulkSync(sync.id, {}, scene.signal);
      await dieAndRestart('before-repair=exit');
      const { execution, receipt } = await untilEnded(server, sync.id, id, scene.signal);
      expect([execution.status, receipt?.verdict]).toEqual(['failed', 'different']);
      expect(receipt?.schemas[0]?.differing).toMatchObject({ missing: 1, extra: 1, different: 1, complete: true });
      expect(await landed()).toEqual(before);
    },
    LIMIT_MS,
  );

  it(
    'before and behind a repair makes it once',
    async () => {
      const sync = await load();
      await server.client.setSyncSettings(sync.id, { receipt_depth: 'repair' }, scene.signal);
      const { id } = await server.client.startBulkSync(sync.id, {}, scene.signal);
      await dieAndRestart('repaired=exit');
      await dieAndRestart('');
      const { execution, receipt } = await untilEnded(server, sync.id, id, scene.signal);
      expect([execution.status, execution.status_message, receipt?.verdict]).toEqual(['completed', undefined, 'equal']);
      expect(await landed()).toEqual(await scene.inSource('SELECT id, name FROM people ORDER BY id'));
      expect(await scene.tables()).toEqual(['landing.people']);
      const ended = await scene.run(sync.id);
      expect(ended.receipt?.schemas[0]).toMatchObject({ load: 'delta', verdict: 'equal', repaired: null });
    },
    LIMIT_MS,
  );
});
