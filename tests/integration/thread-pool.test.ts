import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CreditPool } from '../../src/connector-kit/index.ts';
import { ThreadPool } from '../../src/engine/index.ts';
import { csvChunk, LOAD_PLAN, sumOfLines } from '../setup/memory-load.ts';

const NEVER = new AbortController().signal;
type SegmentJob = Extract<Parameters<ThreadPool['run']>[0], { kind: 'segment' }>;

let pool: ThreadPool;

beforeEach(() => {
  const entry = new URL('./pipeline-worker.ts', import.meta.url);
  pool = new ThreadPool({ entry, workerData: {}, credit: new CreditPool(1024 * 1024), size: 1 });
});
afterEach(() => pool.close());

const side = (config: Record<string, unknown>) => ({
  type: 'memory',
  config,
  organizationId: 'o',
  holder: 'execution',
  applicationName: 'millrace',
});

function toJob(source: Record<string, unknown>, destination: Record<string, unknown>): SegmentJob {
  const schema = {
    id: 'public.people',
    name: 'people',
    fields: [],
    primaryKey: [],
    estimatedRecords: null,
    estimatedBytes: null,
  };
  const lowerBound = { value: '', isExact: true, reason: '' };
  return {
    kind: 'segment',
    source: side(source),
    destination: side(destination),
    load: LOAD_PLAN,
    read: {
      schema,
      format: 'csv',
      fields: [],
      range: { text: 'whole table', value: {} },
      snapshot: { token: 't', position: { position: null, takenAt: '' }, lowerBound },
      from: null,
      filters: [],
    },
    segment: { no: 1, token: 1 },
    isolate: false,
    countsOnly: false,
    obfuscation: null,
    maxRejects: 10,
    lookupFirst: false,
  };
}

// null: the destination is written by the thread that reads. A key: by the one thread that owns it.
describe.each([null, '/data/file'])('a segment into what %s owns', (ownerKey) => {
  it('runs in threads and answers count and hash', async () => {
    const outcome = await pool.run(toJob({ records: 3 }, {}), ownerKey, NEVER);
    expect(outcome).toMatchObject({
      recordsRead: 3,
      bytesRead: 3 * csvChunk(['1,name\n']).payload.byteLength,
      source: sumOfLines(['1,name\n', '2,name\n', '3,name\n']),
    });
  });

  it.each([
    ['the source cannot be opened', { fails: 'connect' }, {}, 'CONN_UNREACHABLE'],
    ['the destination cannot be opened', { records: 3 }, { fails: 'connect' }, 'CONN_UNREACHABLE'],
    ['the load cannot be opened', { records: 3 }, { fails: 'open' }, 'CONN_PATH_REFUSED'],
    ['a write fails', { records: 3 }, { fails: 'write' }, 'DISK_FULL'],
    ['a thread ends in the middle', { records: 3 }, { fails: 'thread' }, 'CONN_LOST'],
  ])('fails with the reason when %s', async (_what, source, destination, code) => {
    await expect(pool.run(toJob(source, destination), ownerKey, NEVER)).rejects.toMatchObject({ code });
    // Neither side hangs on: the next segment gets through.
    expect(await pool.run(toJob({ records: 1 }, {}), ownerKey, NEVER)).toMatchObject({ recordsRead: 1 });
  });

  it('stops when it is aborted', async () => {
    const controller = new AbortController();
    const running = pool.run(toJob({ records: 1e9 }, {}), ownerKey, controller.signal, () => controller.abort());
    await expect(running).rejects.toMatchObject({ kind: 'canceled' });
  });

  it('is refused once the threads are closed, and starts none', async () => {
    const run = (records: number) => pool.run(toJob({ records }, {}), ownerKey, NEVER);
    // As does who has the next job at hand.
    const refused = expect(run(1e9).catch(() => run(1))).rejects.toMatchObject({ code: 'CONN_LOST' });
    await pool.close();
    await refused;
    pool.warm();
    expect(pool.state()).toMatchObject({ pool: 0, owner: 0 });
  });
});

describe('what a thread has opened to be asked for targets', () => {
  it('is closed when its holder lets go of it', async () => {
    const ask = (holder: string) =>
      pool.run({ kind: 'listTargets', target: { ...side({}), holder } }, '/data/file', NEVER);
    expect(await ask('one')).toMatchObject([{ id: '1' }]);
    await pool.release('one');
    expect(await ask('two')).toMatchObject([{ id: '1' }]);
  });
});
