import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../setup/databases.ts';
import { Gate } from '../setup/gate.ts';
import { createTestHome, type MillraceProcess, startMillrace, type TestHome, waitFor } from '../setup/millrace.ts';
import { createSyncScene, type SyncScene } from '../setup/sync-scene.ts';
import { makeSync, postgresConfiguration, untilEnded } from '../setup/syncs.ts';

// One schema of a running execution is cancelled while its reader stands still in the middle of the table.

const LIMIT_MS = 90_000;
/** Behind everything that a small table sends, and far before the end of the large ones. */
const IN_THE_MIDDLE = 2_000_000;
const LARGE = (name: string) =>
  `CREATE TABLE ${name} AS SELECT i AS id, repeat(md5(i::text), 8) AS name FROM generate_series(1, 40000) i`;

let metadata: TestDatabase;
let home: TestHome;
let server: MillraceProcess;
let scene: SyncScene;
let gate: Gate;
let signal: AbortSignal;
let number = 0;

beforeAll(async () => {
  metadata = await createTestDatabase();
  home = await createTestHome();
  server = await startMillrace(home, { DATABASE_URL: metadata.url });
}, LIMIT_MS);

afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await home[Symbol.asyncDispose]();
  await metadata[Symbol.asyncDispose]();
});

beforeEach(async () => {
  signal = AbortSignal.timeout(LIMIT_MS);
  scene = await createSyncScene(
    server,
    signal,
    `${LARGE('people')}; CREATE TABLE notes AS SELECT 'note ' || i AS body FROM generate_series(1, 5) i; ANALYZE`,
  );
  gate = await Gate.open(scene.source.ownerUrl);
});

afterEach(async () => {
  await gate[Symbol.asyncDispose]();
  await scene[Symbol.asyncDispose]();
});

// Answers are looked at in every depth; their shapes are proved in tests/compatibility.
async function ask(method: 'GET' | 'POST', path: string): Promise<ReturnType<typeof JSON.parse>> {
  const answer = await fetch(`${server.url}${path}`, {
    method,
    headers: { authorization: `Bearer ${server.apiKey}` },
    signal,
  });
  const { data } = (await answer.json()) as { data: ReturnType<typeof JSON.parse> }; // every answer has it
  return data;
}

const cancel = (syncId: string, schemaId: string) =>
  ask('POST', `/api/bulk/syncs/${syncId}/schemas/${schemaId}/cancel`);

/** Starts the sync behind the gate, and waits until a schema's reader stands still. */
async function startHeld(schemas: readonly string[], held: string): Promise<{ syncId: string; executionId: string }> {
  number += 1;
  const sync = await makeSync(
    server,
    {
      name: `held ${number}`,
      source: gate.through(scene.source.ownerUrl),
      destination: ['postgresql', postgresConfiguration(scene.destination.ownerUrl)],
      schemas: [...schemas],
      mode: 'snapshot',
    },
    signal,
  );
  gate.holdEach(IN_THE_MIDDLE);
  const { id } = await server.client.startBulkSync(sync.id, {}, signal);
  await waitFor(async () => {
    const progress = await server.client.getProgress(sync.id, id, signal);
    const schema = progress.schemas.find((candidate) => candidate.schema === held);
    return schema?.phase === 'reading' && schema.records > 0 ? true : null;
  }, signal);
  return { syncId: sync.id, executionId: id };
}

describe('cancelling one schema of a running execution', () => {
  it('stops its work, lets the others land, and leaves nothing behind', async () => {
    const { syncId, executionId } = await startHeld(['public.people', 'public.notes'], 'public.people');
    await cancel(syncId, 'public.people');
    // The source still sends nothing: only the cancellation can end it.
    const { execution, receipt } = await untilEnded(server, syncId, executionId, signal);
    const statuses = Object.fromEntries(execution.schemas.map(({ schema, status }) => [schema, status]));
    expect([execution.status, statuses, receipt?.verdict]).toEqual([
      'errors',
      { 'public.people': 'canceled', 'public.notes': 'completed' },
      'unproved',
    ]);
    expect(execution.status_message).toContain('public.people');
    expect(await scene.tables()).toEqual(['landing.notes']);
    const { entries } = await ask('GET', `/api/bulk/syncs/${syncId}/executions/${executionId}/consolelog`);
    const messages = entries.map((entry: { message: string }) => entry.message).join('\n');
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
    const { execution } = await untilEnded(server, syncId, executionId, signal);
    expect(execution).toMatchObject({ status: 'canceled', schemas: [{ status: 'canceled' }] });
    gate.release();
    const next = await server.client.startBulkSync(syncId, {}, signal);
    const ended = await untilEnded(server, syncId, next.id, signal);
    expect([ended.execution.status, ended.receipt?.verdict]).toEqual(['completed', 'equal']);
  });
});
