import { describe, expect, it } from 'vitest';
import type { BulkSyncBody } from '../../src/contract/index.ts';
import { useServer, useSyncScene } from '../setup/hooks.ts';
import { untilEnded } from '../setup/syncs.ts';

// The server dies, as by kill -9, in the middle of comparisons and repairs.

const SOURCE = `
  CREATE TABLE people (id bigint PRIMARY KEY, name text, changed_at timestamptz NOT NULL);
  INSERT INTO people SELECT i, 'name ' || i, '2024-01-01Z'::timestamptz + i * interval '1 minute' FROM generate_series(1, 2000) i`;

const CHANGES = `
  UPDATE landing.people SET name = 'altered' WHERE id = 7;
  DELETE FROM landing.people WHERE id = 8;
  INSERT INTO landing.people (id, name, changed_at) VALUES (-1, 'extra', '2020-01-01Z')`;

let failpoints = '';
const server = useServer(() => ({ MILLRACE_FAILPOINTS: failpoints }));
const scene = useSyncScene(server, SOURCE);

async function restart(withFailpoints: string): Promise<void> {
  await server.kill();
  failpoints = withFailpoints;
  await server.restart();
}

/** Starts, waits until the server has died at the point, and follows the execution on the next one. */
async function runThroughCrash(point: string, sync: BulkSyncBody, start: () => Promise<{ readonly id: string }>) {
  await restart(`${point}=exit`);
  const { id } = await start();
  expect(await server.exited).toMatchObject({ signal: 'SIGKILL' });
  failpoints = '';
  await server.restart();
  return untilEnded(server, sync.id, id, scene.signal);
}

async function load(): Promise<BulkSyncBody> {
  const sync = await scene.make([{ id: 'public.people', tracking_field: 'changed_at' }]);
  const { receipt } = await scene.run(sync.id);
  expect(receipt?.verdict).toBe('equal');
  await scene.inDestination(CHANGES);
  return sync;
}

const landed = () =>
  scene.inDestination('SELECT id, name FROM landing.people WHERE __millrace_deleted_at IS NULL ORDER BY id');

describe('a server that dies', () => {
  it('before a comparison makes it anew, and finds the same', async () => {
    const sync = await load();
    const before = await landed();
    const { execution, receipt } = await runThroughCrash('before-comparison', sync, () =>
      server.client.verifyBulkSync(sync.id, {}, scene.signal),
    );
    expect([execution.status, receipt?.verdict]).toEqual(['failed', 'different']);
    expect(receipt?.schemas[0]?.differing).toMatchObject({ missing: 1, extra: 1, different: 1, complete: true });
    expect(await landed()).toEqual(before);
  });

  it.each(['before-repair', 'repaired'])('at %s repairs everything, once', async (point) => {
    const sync = await load();
    await server.client.setSyncSettings(sync.id, { receipt_depth: 'repair' }, scene.signal);
    const { execution, receipt } = await runThroughCrash(point, sync, () =>
      server.client.startBulkSync(sync.id, {}, scene.signal),
    );
    expect([execution.status, execution.status_message, receipt?.verdict]).toEqual(['completed', undefined, 'equal']);
    expect(await landed()).toEqual(await scene.inSource('SELECT id, name FROM people ORDER BY id'));
    expect(await scene.tables()).toEqual(['landing.people']);
    const ended = await scene.run(sync.id);
    expect(ended.receipt?.schemas[0]).toMatchObject({ load: 'delta', verdict: 'equal', repaired: null });
  });
});
