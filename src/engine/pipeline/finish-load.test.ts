import { beforeEach, describe, expect, it } from 'vitest';
import { LOAD_PLAN, MemoryLoad, sumOfLines } from '../../../tests/setup/memory-load.ts';
import type { LoadPlan, SegmentRange } from '../../connector-kit/index.ts';
import { SyncError } from '../../core/index.ts';
import { finishLoad } from './finish-load.ts';
import type { FinishJob } from './jobs.ts';

const NEVER = new AbortController().signal;
const LOW = ['1,one\n', '2,two\n'];
const HIGH = ['3,three\n', '4,four\n', '5,five\n'];
const LOW_RANGE: SegmentRange = { text: 'id below 3', value: {}, key: { field: 'id', from: null, to: '3' } };
const HIGH_RANGE: SegmentRange = { text: 'id from 3', value: {}, key: { field: 'id', from: '3', to: null } };

let load: MemoryLoad;
let reached: string[];
const failpoint = (name: string) => void reached.push(name);

beforeEach(() => {
  load = new MemoryLoad();
  reached = [];
  commit(1, LOW);
  commit(2, HIGH);
});

function commit(no: number, lines: readonly string[]): void {
  const source = sumOfLines(lines);
  load.committed.set(no, { lines, outcome: { recordsRead: lines.length, bytesRead: 0, source, rejects: [] } });
}

function toJob(kind: LoadPlan['kind'], changes: Partial<FinishJob> = {}): FinishJob {
  return {
    kind: 'finish',
    destination: {
      type: 'memory',
      config: {},
      organizationId: 'o',
      holder: 'execution',
      applicationName: 'millrace',
    },
    load: { ...LOAD_PLAN, kind },
    guard: { maxLossPercent: 50 },
    countsOnly: false,
    expected: [
      { range: LOW_RANGE, source: sumOfLines(LOW) },
      { range: HIGH_RANGE, source: sumOfLines(HIGH) },
    ],
    ...changes,
  };
}

const WHOLE = sumOfLines([...LOW, ...HIGH]);

describe('replace', () => {
  it('is proved range by range, then published', async () => {
    const outcome = await finishLoad(toJob('replace'), load, failpoint, NEVER);
    expect(outcome).toMatchObject({ source: WHOLE, destination: WHOLE, differences: [], published: true });
    expect(outcome.counts.inserted).toBe(5);
    expect(load.calls).toEqual(['seal', 'digest id below 3', 'digest id from 3', 'publish']);
    expect(reached).toEqual(['before-digest', 'before-publish', 'after-publish']);
  });

  it('is done when the swap of an earlier owner takes the shadow from under its proof', async () => {
    const digest = async () => {
      if (!load.calls.includes('publish')) await load.publish();
      throw new SyncError('TABLE_DIFFERS', 'The shadow is gone.');
    };
    const outcome = await finishLoad(toJob('replace'), Object.assign(load, { digest }), failpoint, NEVER);
    expect(outcome).toMatchObject({ source: WHOLE, destination: WHOLE, published: true, counts: { inserted: 5 } });
    expect(load.calls.filter((call) => call === 'publish')).toHaveLength(1);
  });

  it('is not published when its key cannot be built', async () => {
    const seal = () => Promise.reject(new SyncError('KEY_NOT_UNIQUE', 'Two records have one key.'));
    const finishing = finishLoad(toJob('replace'), Object.assign(load, { seal }), failpoint, NEVER);
    await expect(finishing).rejects.toMatchObject({ code: 'KEY_NOT_UNIQUE' });
    expect(load.calls).toEqual([]);
  });

  it('is not published when a record was altered, and names the range', async () => {
    commit(2, ['3,three\n', '4,FOUR\n', '5,five\n']);
    await expect(finishLoad(toJob('replace'), load, failpoint, NEVER)).rejects.toMatchObject({
      code: 'VERIFICATION_FAILED',
      message: expect.stringMatching(/differ in id from 3 .*The previous table was left as it was/),
      detail: { differences: [{ range: 'id from 3', source: sumOfLines(HIGH) }] },
    });
    expect(load.calls).not.toContain('publish');
  });

  it('is not published when a segment is truncated, though only counts are compared', async () => {
    commit(1, ['1,one\n']);
    const expected = [
      { range: LOW_RANGE, source: sumOfLines(LOW, true) },
      { range: HIGH_RANGE, source: sumOfLines(HIGH, true) },
    ];
    const job = toJob('replace', { countsOnly: true, expected });
    await expect(finishLoad(job, load, failpoint, NEVER)).rejects.toMatchObject({
      message: expect.stringContaining('(source 2 records, destination 1)'),
      detail: {
        differences: [
          { range: 'id below 3', source: { records: 2, sum: null }, destination: { records: 1, sum: null } },
        ],
      },
    });
  });

  it('is proved as a whole where ranges are no key ranges', async () => {
    const blocks = { text: 'blocks 0 to 99', value: {} };
    const expected = [LOW, HIGH].map((lines) => ({ range: blocks, source: sumOfLines(lines) }));
    await finishLoad(toJob('replace', { expected }), load, failpoint, NEVER);
    expect(load.calls).toEqual(['seal', 'digest all', 'publish']);
  });

  it('takes what the live table refused off both sides', async () => {
    const refused = sumOfLines(HIGH.slice(0, 1));
    const publish = load.publish.bind(load);
    load.publish = async () => ({ ...(await publish()), inserted: 4, rejected: refused });
    const outcome = await finishLoad(toJob('replace'), load, failpoint, NEVER);
    expect(outcome.source).toEqual(sumOfLines([...LOW, ...HIGH.slice(1)]));
    expect(outcome.destination).toEqual(outcome.source);
  });

  it('of an empty table is published', async () => {
    load.committed.clear();
    commit(1, []);
    const expected = [{ range: { text: 'whole table', value: {} }, source: sumOfLines([]) }];
    const outcome = await finishLoad(toJob('replace', { expected }), load, failpoint, NEVER);
    expect(outcome).toMatchObject({ destination: sumOfLines([]), published: true });
  });

  it('takes the first publication after a crash before it was recorded', async () => {
    await finishLoad(toJob('replace'), load, failpoint, NEVER);
    load.calls.length = 0;
    const again = await finishLoad(toJob('replace'), load, failpoint, NEVER);
    expect(again).toMatchObject({ source: WHOLE, destination: WHOLE, published: true, counts: { inserted: 5 } });
    expect(load.calls).toEqual([]);
  });
});

describe.each(['merge', 'delta'] as const)('%s', (kind) => {
  it('is published, then proved by what is live', async () => {
    const outcome = await finishLoad(toJob(kind), load, failpoint, NEVER);
    expect(outcome).toMatchObject({ source: WHOLE, destination: WHOLE, published: true });
    expect(load.calls).toEqual(['seal', 'publish', 'digest all']);
    expect(reached).toEqual(['before-digest', 'before-publish', 'after-publish']);
  });

  it('fails and names the range when a live record differs', async () => {
    const alter = (name: string) => {
      if (name === 'after-publish') load.live = load.live.map((line) => line.replace('one', 'other'));
    };
    await expect(finishLoad(toJob(kind), load, alter, NEVER)).rejects.toMatchObject({
      code: 'VERIFICATION_FAILED',
      message: expect.stringMatching(/differ in id below 3 .*The merged records are in the table/),
      detail: { differences: [{ range: 'id below 3' }] },
    });
  });

  it('is proved again, not published again, after a crash before it was recorded', async () => {
    await finishLoad(toJob(kind), load, failpoint, NEVER);
    load.calls.length = 0;
    const again = await finishLoad(toJob(kind), load, failpoint, NEVER);
    expect(again).toMatchObject({ source: WHOLE, destination: WHOLE, counts: { inserted: 5 } });
    expect(load.calls).toEqual(['digest all']);
  });

  it('takes what the live table refused off the source', async () => {
    await finishLoad(toJob(kind), load, failpoint, NEVER);
    load.live = [...LOW, ...HIGH.slice(1)];
    const refused = sumOfLines(HIGH.slice(0, 1));
    load.publication = {
      inserted: 4,
      updated: 0,
      unchanged: 0,
      deleted: 0,
      rejects: [{ key: { id: '3' }, reason: 'check' }],
      rejected: refused,
    };
    const outcome = await finishLoad(toJob(kind), load, failpoint, NEVER);
    expect(outcome.destination).toEqual(outcome.source);
    expect(outcome.source.records).toBe(4);
  });
});
