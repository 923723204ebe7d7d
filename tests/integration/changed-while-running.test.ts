import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { BulkSyncBody } from '../../src/contract/index.ts';
import { Gate } from '../setup/gate.ts';
import { LIMIT_MS, useServer, useSyncScene } from '../setup/hooks.ts';
import { untilEnded } from '../setup/syncs.ts';

// Settings that are changed while an execution is planned, or runs and then loses its source image: it goes on as it began.

const PEOPLE = 'public.people';
const SOURCE = `
  CREATE TABLE people (id int PRIMARY KEY, name text STORAGE EXTERNAL, changed_at timestamptz NOT NULL, seen_at timestamptz NOT NULL);
  INSERT INTO people SELECT i, repeat('x', 1000), '2024-01-01Z', '2023-01-01Z' FROM generate_series(1, 5000) i`;

const server = useServer();
const scene = useSyncScene(server, SOURCE);
let gate: Gate;

beforeEach(async () => {
  gate = await Gate.open(scene.source.ownerUrl);
});

afterEach(() => gate[Symbol.asyncDispose]());

const make = () =>
  scene.make([{ id: PEOPLE, tracking_field: 'changed_at' }], {}, { source: gate.through(scene.source.ownerUrl) });

/** The loads of an execution. */
async function run(sync: BulkSyncBody): Promise<unknown> {
  const { execution, receipt } = await scene.run(sync.id);
  expect([execution.status, receipt?.verdict]).toEqual(['completed', 'equal']);
  return receipt?.schemas.map(({ load }) => load);
}

/** Runs it, and loses its image after `change`, while it reads. */
async function runLosing(sync: BulkSyncBody, change: () => Promise<unknown>): Promise<void> {
  gate.holdEach(1_000_000);
  const { id } = await server.client.startBulkSync(sync.id, { resync_mode: 'refetch' }, scene.signal);
  await gate.held;
  await change();
  await gate.cut();
  await gate.restore();
  const { execution, receipt } = await untilEnded(server, sync.id, id, scene.signal);
  expect([execution.status, receipt?.verdict]).toEqual(['completed', 'equal']);
}

const track = (sync: BulkSyncBody, field: string) =>
  scene.send('PATCH', `/api/bulk/syncs/${sync.id}/schemas`, { schemas: [{ id: PEOPLE, tracking_field: field }] });

describe('the execution after one that has lost its image', { timeout: LIMIT_MS }, () => {
  it('goes on by its cursor where nothing was changed', async () => {
    const sync = await make();
    await run(sync);
    await runLosing(sync, () => Promise.resolve());
    expect(await run(sync)).toEqual(['delta']);
  });

  it('reads everything where another tracking field was chosen meanwhile, and then by that one', async () => {
    const sync = await make();
    await run(sync);
    await runLosing(sync, () => track(sync, 'seen_at'));
    // Behind the new field's cursor, and before the old one's.
    await scene.inSource(`UPDATE people SET name = 'new', seen_at = '2023-06-01Z' WHERE id = 1`);
    expect(await run(sync)).toEqual(['merge']);
    expect(await scene.inDestination('SELECT name FROM landing.people WHERE id = 1')).toEqual([['new']]);
    expect(await run(sync)).toEqual(['delta']);
  });
});

it('reads everything where another tracking field was chosen while the execution before was planned', {
  timeout: LIMIT_MS,
}, async () => {
  const sync = await make();
  await run(sync);
  // Its first answer to the planner, which has loaded the settings by then.
  const held = gate.hold(0);
  const { id } = await server.client.startBulkSync(sync.id, {}, scene.signal);
  await held;
  await track(sync, 'seen_at');
  gate.release();
  await untilEnded(server, sync.id, id, scene.signal);
  await scene.inSource(`UPDATE people SET name = 'new', seen_at = '2023-06-01Z' WHERE id = 1`);
  expect(await run(sync)).toEqual(['merge']);
  expect(await scene.inDestination('SELECT name FROM landing.people WHERE id = 1')).toEqual([['new']]);
  expect(await run(sync)).toEqual(['delta']);
});
