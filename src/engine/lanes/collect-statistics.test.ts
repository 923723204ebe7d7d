import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { EngineParts } from '../engine-parts.ts';
import { Statistics } from '../workers/statistics.ts';
import { collectStatistics } from './collect-statistics.ts';
import type { SchemaToFinish } from './schema-to-finish.ts';

/** One job that a thread was given. */
interface Given {
  readonly job: { readonly kind: string; readonly destination: { readonly holder: string } };
  readonly signal: AbortSignal;
  readonly answer: PromiseWithResolvers<unknown>;
}

let drain: AbortController;
let given: Given[];
let released: string[];
let told: string[];
let parts: EngineParts;

beforeEach(() => {
  drain = new AbortController();
  given = [];
  released = [];
  told = [];
  const run = (job: Given['job'], _ownerKey: string | null, signal: AbortSignal) => {
    const answer = Promise.withResolvers<unknown>();
    signal.addEventListener('abort', () => answer.reject(signal.reason));
    given.push({ job, signal, answer });
    return answer.promise;
  };
  // What statistics need of them.
  parts = {
    connectors: new Map([['postgresql', { capabilities: { destination: { analyzes: true } } }]]),
    threads: { run, release: async (holder: string) => void released.push(holder) },
    statistics: new Statistics(drain.signal),
    inFlight: new Set(),
    log: { info: (_: object, message: string) => void told.push(message) },
  } as unknown as EngineParts;
});

afterEach(() => {
  vi.restoreAllMocks();
});

/** A schema of that name which was just published. */
function published(schemaId: string, kind = 'replace'): SchemaToFinish {
  return {
    run: { sync: { id: 'sync' }, execution: { organizationId: 'organization' }, destination: { id: 'destination' } },
    specs: { destination: { type: 'postgresql', holder: 'execution' } },
    item: { executionId: 'execution', schemaId, generation: 1 },
    plan: { schema: { id: schemaId }, kind },
  } as unknown as SchemaToFinish; // what statistics need of it
}

const holderOf = (schemaId: string) => `execution statistics of ${schemaId}`;

/** The job that is begun as that one, from 0. */
async function begunAs(no: number): Promise<Given> {
  await expect.poll(() => given.length).toBe(no + 1);
  return given[no] ?? expect.unreachable('no such job');
}

describe('the statistics of a published table', () => {
  it('are collected by connections of their own, and keep no lane busy', async () => {
    collectStatistics(parts, published('people'));
    const { job, answer } = await begunAs(0);
    expect(job).toMatchObject({
      kind: 'analyze',
      destination: { holder: holderOf('people') },
      load: { schemaId: 'people' },
    });
    expect([parts.inFlight.size, released]).toEqual([0, []]);
    answer.resolve({});
    await parts.statistics.ended();
    expect([released, told]).toEqual([[holderOf('people')], []]);
  });

  it('are left as they are where the records of the table were merged', async () => {
    collectStatistics(parts, published('people', 'merge'));
    await parts.statistics.ended();
    expect(given).toEqual([]);
  });

  it('are given up when they cannot be collected, which is told, and the next ones are begun', async () => {
    for (const schemaId of ['people', 'notes']) collectStatistics(parts, published(schemaId));
    (await begunAs(0)).answer.reject(new Error('the disk is full'));
    (await begunAs(1)).answer.resolve({});
    await parts.statistics.ended();
    expect(told).toEqual(['The statistics of the new table were not collected: Error: the disk is full']);
    expect(released).toEqual([holderOf('people'), holderOf('notes')]);
  });

  it('are given up behind a minute', async () => {
    const limit = new AbortController();
    const timeout = vi.spyOn(AbortSignal, 'timeout').mockReturnValueOnce(limit.signal);
    for (const schemaId of ['people', 'notes']) collectStatistics(parts, published(schemaId));
    await begunAs(0);
    // Of the time that passes while they wait for their turn, nothing counts.
    expect(timeout.mock.calls).toEqual([[60_000]]);
    limit.abort(new DOMException('It took too long.', 'TimeoutError'));
    (await begunAs(1)).answer.resolve({});
    await parts.statistics.ended();
    expect(told).toEqual([expect.stringContaining('It took too long.')]);
    expect(released).toEqual([holderOf('people'), holderOf('notes')]);
  });

  it('are not begun in a process that stops; those that are begun go on', async () => {
    for (const schemaId of ['people', 'notes']) collectStatistics(parts, published(schemaId));
    const { signal, answer } = await begunAs(0);
    drain.abort();
    collectStatistics(parts, published('words'));
    expect(signal.aborted).toBe(false);
    answer.resolve({});
    await parts.statistics.ended();
    expect([given.length, released, told]).toEqual([1, [holderOf('people')], []]);
  });
});
