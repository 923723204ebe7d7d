import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { LIMIT_MS, useServer, useSyncScene } from '../setup/hooks.ts';
import type { RecordedSpan } from '../setup/record-spans.ts';
import { untilEnded } from '../setup/syncs.ts';

const folder = await mkdtemp(join(tmpdir(), 'millrace-spans-'));
const file = join(folder, 'spans.jsonl');
const recorder = new URL('../setup/record-spans.ts', import.meta.url).href;

const server = useServer(() => ({ NODE_OPTIONS: `--import=${recorder}`, TEST_SPANS: file }));
const scene = useSyncScene(server, 'CREATE TABLE people AS SELECT i AS id FROM generate_series(1, 10) i');

afterAll(() => rm(folder, { recursive: true }));

function readSpans(): RecordedSpan[] {
  if (!existsSync(file)) return [];
  const lines = readFileSync(file, 'utf8').trim().split('\n');
  return lines.map((line) => JSON.parse(line));
}

/** Starts the sync as part of a caller's trace. */
async function startInTrace(syncId: string, traceId: string): Promise<string> {
  const answer = await fetch(`${server.url}/api/bulk/syncs/${syncId}/executions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${server.apiKey}`, traceparent: `00-${traceId}-00f067aa0ba902b7-01` },
    signal: scene.signal,
  });
  // Our own server's answer.
  return ((await answer.json()) as { data: { id: string } }).data.id;
}

it(
  'continues the trace of the request that started an execution through all of its work',
  async () => {
    const { id: syncId } = await scene.make(['public.people']);
    const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
    const executionId = await startInTrace(syncId, traceId);
    await untilEnded(server, syncId, executionId, scene.signal);
    const ofTrace = () => readSpans().filter((span) => span.traceId === traceId);
    // The last ones are written behind the end that we saw.
    while (!ofTrace().some(({ name }) => name === 'schema')) {
      scene.signal.throwIfAborted();
      await new Promise((resolve) => setImmediate(resolve));
    }
    const spans = ofTrace();
    const names = new Set(spans.map(({ name }) => name));
    for (const name of ['execution.plan', 'execution', 'schema', 'POST /api/bulk/syncs/:id/executions'])
      expect(names).toContain(name);
    expect([...names].some((name) => name === 'segment.read' || name === 'pack.load')).toBe(true);
    const request = spans.find(({ name }) => name.startsWith('POST '));
    expect(request?.parentId).toBe('00f067aa0ba902b7');
    for (const span of spans) {
      if (span === request) continue;
      expect(span.parentId).toBe(request?.spanId);
      expect(span.hasFailed).toBe(false);
      expect(span.attributes).toMatchObject({ 'millrace.execution.id': executionId, 'millrace.sync.id': syncId });
    }
  },
  LIMIT_MS,
);
