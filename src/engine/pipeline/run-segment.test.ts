import { beforeEach, describe, expect, it } from 'vitest';
import { hashWithKey } from '../../../tests/setup/keyed-hash.ts';
import { csvChunk, LOAD_PLAN, MemoryLoad, sumOfLines } from '../../../tests/setup/memory-load.ts';
import type { BulkSource, SourceChunk } from '../../connector-kit/index.ts';
import { SyncError } from '../../core/index.ts';
import { createRecordPrints, createTranscoder, toHashText } from '../../formats/index.ts';
import type { Progress, SegmentJob } from './jobs.ts';
import { runSegment } from './run-segment.ts';

const NEVER = new AbortController().signal;
const LINES = ['1,one\n', '2,two\n', '3,"th\nree"\n', '4,\n', '5,""\n'];

let load: MemoryLoad;
let reached: string[];
let progress: Progress[];

beforeEach(() => {
  load = new MemoryLoad();
  reached = [];
  progress = [];
});

function toJob(changes: Partial<SegmentJob> = {}): SegmentJob {
  const side = { type: 'memory', config: {}, organizationId: 'o', holder: 'execution', applicationName: 'millrace' };
  return {
    kind: 'segment',
    source: side,
    destination: side,
    load: LOAD_PLAN,
    read: {
      schema: {
        id: 'public.people',
        name: 'people',
        fields: [],
        primaryKey: ['id'],
        estimatedRecords: null,
        estimatedBytes: null,
      },
      format: 'csv',
      fields: [],
      range: { text: 'whole table', value: {} },
      snapshot: {
        token: 't',
        position: { position: null, takenAt: '' },
        lowerBound: { value: '', isExact: true, reason: '' },
      },
      from: null,
      filters: [],
    },
    segment: { no: 1, token: 1 },
    isolate: false,
    countsOnly: false,
    obfuscation: null,
    maxRejects: 2,
    lookupFirst: false,
    ...changes,
  };
}

/** Reads the lines two at a time. */
async function* readPairs(lines: readonly string[], failAt: number | null = null): AsyncIterable<SourceChunk> {
  for (let start = 0; start < lines.length; start += 2) {
    if (failAt !== null && start >= failAt) throw new SyncError('CONN_LOST', 'The source went away.');
    yield { chunk: csvChunk(lines.slice(start, start + 2)) };
  }
}

function sourceOf(read: BulkSource['read']): BulkSource {
  // Only `read` is asked of a source while a segment runs.
  return { read } as BulkSource;
}

const watch = {
  onProgress: (now: Progress) => void progress.push(now),
  failpoint: (name: string) => void reached.push(`${name}, ${load.committed.size} committed`),
};

function run(job: SegmentJob, lines = LINES, signal = NEVER) {
  return runSegment(
    job,
    sourceOf(() => readPairs(lines)),
    load,
    watch,
    signal,
  );
}

describe('a segment', () => {
  it('commits everything once, with count, bytes and hash of what was read', async () => {
    const outcome = await run(toJob());
    expect(outcome).toEqual({
      recordsRead: 5,
      bytesRead: LINES.join('').length,
      source: sumOfLines(LINES),
      rejects: [],
    });
    expect(load.committed.get(1)).toEqual({ lines: LINES, outcome });
    expect(load.calls).toEqual(['begin 1 by 1', 'commit 1']);
    expect(load.open).toBe(0);
    expect(progress.map((one) => one.records)).toEqual([2, 4, 5]);
  });

  it('tells the source which attempt it reads for', async () => {
    const asked: unknown[] = [];
    const source = sourceOf(({ segment }) => {
      asked.push(segment);
      return readPairs(LINES);
    });
    await runSegment(toJob({ segment: { no: 12, token: 3 } }), source, load, watch, NEVER);
    expect(asked).toEqual([{ no: 12, token: 3 }]);
  });

  it('hashes nothing when only counts are asked for', async () => {
    expect((await run(toJob({ countsOnly: true }))).source).toEqual({ records: 5, sum: null });
  });

  it('leaves out all records but those that it is about', async () => {
    const types = LOAD_PLAN.columns.map(({ logicalType }) => logicalType);
    const only: string[] = [];
    const asked = csvChunk(['2,other\n', '5,other\n', '9,other\n']);
    createRecordPrints('canonical', types, [0]).each(asked, (_, key) => only.push(toHashText(key)));
    const outcome = await run(toJob({ only }));
    const left = ['2,two\n', '5,""\n'];
    expect(outcome).toMatchObject({ recordsRead: 2, source: sumOfLines(left) });
    expect(load.committed.get(1)?.lines).toEqual(left);
  });

  it('commits an empty range too', async () => {
    expect((await run(toJob(), [])).source).toEqual(sumOfLines([]));
    expect(load.calls).toEqual(['begin 1 by 1', 'commit 1']);
  });

  it('passes the failpoints on both sides of the commit', async () => {
    await run(toJob());
    expect(reached).toEqual(['before-commit, 0 committed', 'after-commit, 1 committed']);
  });

  it('leaves nothing when the source fails in the middle', async () => {
    const source = sourceOf(() => readPairs(LINES, 2));
    await expect(runSegment(toJob(), source, load, watch, NEVER)).rejects.toMatchObject({ code: 'CONN_LOST' });
    expect(load.calls).toEqual(['begin 1 by 1', 'abandon 1']);
    expect([load.committed.size, load.open]).toEqual([0, 0]);
  });

  it('leaves nothing when it is aborted between two chunks', async () => {
    const controller = new AbortController();
    load.beforeWrite = async () => controller.abort();
    await expect(run(toJob(), LINES, controller.signal)).rejects.toMatchObject({ name: 'AbortError' });
    expect(load.calls).toEqual(['begin 1 by 1', 'abandon 1']);
  });
});

describe('a segment with obfuscated fields', () => {
  const key = Buffer.alloc(32, 7);
  const hashOf = (text: string) => hashWithKey(key, text);
  const field = (id: string) => ({ id, wireType: 'text', conversion: null, isNullable: true });
  const obfuscated = (positions: readonly number[], changes: Partial<SegmentJob> = {}): SegmentJob => {
    const job = toJob(changes);
    const fields = [
      { ...field('id'), logicalType: { kind: 'integer' as const, bits: 64 as const } },
      { ...field('name'), logicalType: { kind: 'text' as const } },
    ];
    return { ...job, read: { ...job.read, fields }, obfuscation: { positions, key } };
  };
  const hidden = ['one', 'two', 'th\nree'].map((text, i) => `${i + 1},${hashOf(text)}\n`);

  it('writes and proves the hashes', async () => {
    const outcome = await run(obfuscated([1]));
    const expected = [...hidden, '4,\n', `5,${hashOf('')}\n`];
    expect(load.committed.get(1)?.lines).toEqual(expected);
    expect(outcome).toMatchObject({ recordsRead: 5, source: sumOfLines(expected) });
  });

  it('names a refused record by its hash', async () => {
    const id = hashOf('2');
    load.refuse = (line) => (line.startsWith(id) ? 'no' : null);
    const outcome = await run(obfuscated([0], { isolate: true }));
    expect(outcome.rejects).toEqual([{ key: { id }, reason: 'no' }]);
  });
});

describe('a segment that is read in another format than it is written in', () => {
  it('is written, counted and proved as what it becomes', async () => {
    const job = toJob();
    const types = LOAD_PLAN.columns.map(({ logicalType }) => logicalType);
    const fields = LOAD_PLAN.columns.map(({ field: id, logicalType }) => ({
      ...{ id, logicalType, wireType: 'any', conversion: null, isNullable: true },
    }));
    const toBinary = createTranscoder('csv', 'pgcopy-binary', types);
    const source = sourceOf(async function* () {
      for await (const { chunk } of readPairs(LINES)) yield { chunk: toBinary.apply(chunk) };
    });
    const read = { ...job.read, format: 'pgcopy-binary' as const, fields };
    const outcome = await runSegment({ ...job, read }, source, load, watch, NEVER);
    expect(outcome).toEqual({
      recordsRead: 5,
      bytesRead: LINES.join('').length,
      source: sumOfLines(LINES),
      rejects: [],
    });
    expect(load.committed.get(1)?.lines).toEqual(LINES);
  });
});

describe('a segment with records that the source itself refuses', () => {
  const reject = { key: { id: '9' }, reason: 'The value of name has no text.' };
  const odd = sourceOf(async function* () {
    yield { chunk: csvChunk(LINES.slice(0, 2)), rejects: [reject] };
    yield { chunk: csvChunk([]), rejects: [reject] };
  });

  it.each([false, true])(
    'lists them and counts them as read, beside those that land (countsOnly: %s)',
    async (countsOnly) => {
      const outcome = await runSegment(toJob({ countsOnly }), odd, load, watch, NEVER);
      expect(outcome).toMatchObject({
        recordsRead: 4,
        source: sumOfLines(LINES.slice(0, 2), countsOnly),
        rejects: [reject, reject],
      });
      expect(load.committed.get(1)?.lines).toEqual(LINES.slice(0, 2));
    },
  );

  it('names them by the hash of their key where that is hidden', async () => {
    const job = toJob({ obfuscation: { positions: [0], key: Buffer.alloc(32, 7) } });
    const fields = ['id', 'name'].map((id) => ({
      ...{ id, logicalType: { kind: 'text' as const }, wireType: 'text', conversion: null, isNullable: true },
    }));
    const outcome = await runSegment({ ...job, read: { ...job.read, fields } }, odd, load, watch, NEVER);
    const hashed = { ...reject, key: { id: hashWithKey(Buffer.alloc(32, 7), '9') } };
    expect(outcome.rejects).toEqual([hashed, hashed]);
  });

  it('ends beyond the limit, naming the reason and leaving nothing', async () => {
    await expect(runSegment(toJob({ maxRejects: 1 }), odd, load, watch, NEVER)).rejects.toMatchObject({
      code: 'TOO_MANY_REJECTS',
      message: expect.stringContaining('has no text'),
    });
    expect([load.committed.size, load.open]).toEqual([0, 0]);
  });
});

describe('a segment whose commit was never answered', () => {
  it('is not read again when it was committed', async () => {
    const first = await run(toJob());
    const source = sourceOf(() => {
      throw new Error('read again');
    });
    const again = toJob({ segment: { no: 1, token: 2 }, lookupFirst: true });
    expect(await runSegment(again, source, load, watch, NEVER)).toEqual(first);
    expect(load.calls.slice(2)).toEqual(['lookup 1']);
  });

  it('is read again when it was not', async () => {
    await run(toJob({ segment: { no: 1, token: 2 }, lookupFirst: true }));
    expect(load.calls).toEqual(['lookup 1', 'begin 1 by 2', 'commit 1']);
  });
});

describe('refused records', () => {
  beforeEach(() => {
    load.refuse = (line) => (/^[24],/.test(line) ? 'too odd' : null);
  });

  it('end a segment that is not isolated', async () => {
    await expect(run(toJob())).rejects.toMatchObject({ code: 'RECORD_REFUSED' });
    expect(load.committed.size).toBe(0);
  });

  it('are taken off count and hash and named by key when it is isolated', async () => {
    const outcome = await run(toJob({ isolate: true }));
    expect(outcome).toMatchObject({
      recordsRead: 5,
      source: sumOfLines(LINES.filter((line) => !/^[24],/.test(line))),
      rejects: [
        { key: { id: '2' }, reason: 'too odd' },
        { key: { id: '4' }, reason: 'too odd' },
      ],
    });
    expect(load.committed.get(1)?.lines).toEqual(['1,one\n', '3,"th\nree"\n', '5,""\n']);
  });

  it('have no key where the table has none', async () => {
    const columns = LOAD_PLAN.columns.map((column) => ({ ...column, isKey: false }));
    const outcome = await run(toJob({ isolate: true, load: { ...LOAD_PLAN, columns } }));
    expect(outcome.rejects.map((reject) => reject.key)).toEqual([null, null]);
  });

  it('end the segment beyond the limit, naming the reason and leaving nothing', async () => {
    load.refuse = () => 'too odd';
    await expect(run(toJob({ isolate: true }))).rejects.toMatchObject({
      code: 'TOO_MANY_REJECTS',
      message: expect.stringContaining('too odd'),
    });
    expect([load.committed.size, load.open]).toEqual([0, 0]);
  });
});
