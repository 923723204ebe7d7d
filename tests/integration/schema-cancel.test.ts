import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Gate } from '../setup/gate.ts';
import { useServer, useSyncScene } from '../setup/hooks.ts';
import { waitFor } from '../setup/millrace.ts';
import { untilEnded } from '../setup/syncs.ts';

// One schema of a running execution is cancelled while its reader stands still in the middle of the table.

/** Behind everything that a small table sends, and far before the end of the large ones. */
const IN_THE_MIDDLE = 2_000_000;
const LARGE = (name: string) =>
  `CREATE TABLE ${name} AS SELECT i AS id, repeat(md5(i::text), 8) AS name FROM generate_series(1, 40000) i`;

const SOURCE = `${LARGE('people')}; CREATE TABLE notes AS SELECT 'note ' || i AS body FROM generate_series(1, 5) i; ANALYZE`;

const server = useServer();
const scene = useSyncScene(server, SOURCE);
let gate: Gate;

beforeEach(async () => {
  gate = await Gate.open(scene.source.ownerUrl);
});

afterEach(() => gate[Symbol.asyncDispose]());

const cancel = (syncId: string, schemaId: string) =>
  scene.send('POST', `/api/bulk/syncs/${syncId}/schemas/${schemaId}/cancel`);

/** Starts the sync behind the gate, and waits until a schema's reader stands still. */
async function startHeld(schemas: string[], held: string): Promise<{ syncId: string; executionId: string }> {
  const sync = await scene.make(schemas, { mode: 'snapshot' }, { source: gate.through(scene.source.ownerUrl) });
  gate.holdEach(IN_THE_MIDDLE);
  const { id } = await server.client.startBulkSync(sync.id, {}, scene.signal);
  await waitFor(async () => {
    const progress = await server.client.getProgress(sync.id, id, scene.signal);
    const schema = progress.schemas.find((candidate) => candidate.schema === held);
    return schema?.phase === 'reading' && schema.records > 0 ? true : null;
  }, scene.signal);
  return { syncId: sync.id, executionId: id };
}

describe('cancelling one schema of a running execution', () => {
  it('stops its work, lets the others land, and leaves nothing behind', async () => {
    const { syncId, executionId } = await startHeld(['public.people', 'public.notes'], 'public.people');
    await cancel(syncId, 'public.people');
    // The source still sends nothing: only the cancellation can end it.
    const { execution, receipt } = await untilEnded(server, syncId, executionId, scene.signal);
    const statuses = Object.fromEntries(execution.schemas.map(({ schema, status }) => [schema, status]));
    expect([execution.status, statuses, receipt?.verdict]).toEqual([
      'errors',
      { 'public.people': 'canceled', 'public.notes': 'completed' },
      'unproved',
    ]);
    expect(execution.status_message).toContain('public.people');
    expect(await scene.tables()).toEqual(['landing.notes']);
    const { data } = await scene.send('GET', `/api/bulk/syncs/${syncId}/executions/${executionId}/consolelog`);
    const messages = data.entries.map((entry: { message: string }) => entry.message).join('\n');
    for (const said of [
      'Planning begins',
      'Planned as replace',
      'Cancelled by request',
      'Published: 5',
      'Ended as errors',
    ])
      expect(messages).toContain(said);
  });

  it('ends the execution as canceled when no other schema is left', async () => {
    const { syncId, executionId } = await startHeld(['public.people'], 'public.people');
    await cancel(syncId, 'public.people');
    const { execution } = await untilEnded(server, syncId, executionId, scene.signal);
    expect(execution).toMatchObject({ status: 'canceled', schemas: [{ status: 'canceled' }] });
    gate.release();
    const ended = await scene.run(syncId);
    expect([ended.execution.status, ended.receipt?.verdict]).toEqual(['completed', 'equal']);
  });
});
