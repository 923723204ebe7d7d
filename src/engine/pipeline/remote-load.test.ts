import { once } from 'node:events';
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { csvChunk, MemoryLoad, sumOfLines } from '../../../tests/setup/memory-load.ts';
import { CreditPool, MemoryCredit, type SegmentOutcome } from '../../connector-kit/index.ts';
import { SyncError } from '../../core/index.ts';
import { connectRemoteLoad, type SegmentLoad, serveLoad } from './remote-load.ts';

const NEVER = new AbortController().signal;
const SEGMENT = { no: 1, token: 1 };
const LINES = ['1,one\n', '2,two\n'];

let load: MemoryLoad;
let pool: CreditPool;
let credit: MemoryCredit;
let remote: SegmentLoad;
let readerPort: MessagePort;
let serving: Promise<void>;

beforeEach(() => {
  const { port1, port2 } = new MessageChannel();
  load = new MemoryLoad();
  pool = new CreditPool(1024 * 1024);
  credit = new MemoryCredit(pool.openAccount());
  readerPort = port1;
  remote = connectRemoteLoad(port1, credit);
  serving = serveLoad(port2, async () => load, NEVER);
});

afterEach(async () => {
  readerPort.close();
  await serving;
});

function outcomeOf(lines: readonly string[]): SegmentOutcome {
  return { recordsRead: lines.length, bytesRead: 0, source: sumOfLines(lines), rejects: [] };
}

describe('a load in another thread', () => {
  it('takes a segment as if it were here', async () => {
    {
      await using writer = await remote.beginSegment(SEGMENT, { isolate: false }, NEVER);
      await writer.write(csvChunk(LINES.slice(0, 1)), NEVER);
      await writer.write(csvChunk(LINES.slice(1)), NEVER);
      await writer.commit(outcomeOf(LINES), NEVER);
    }
    expect(load.committed.get(1)).toEqual({ lines: LINES, outcome: outcomeOf(LINES) });
    expect(load.calls).toEqual(['begin 1 by 1', 'commit 1']);
    expect(await remote.lookup(SEGMENT, NEVER)).toEqual({ state: 'committed', outcome: outcomeOf(LINES) });
  });

  it('leaves a chunk’s bytes to the reader, and writes what they were when they were handed over', async () => {
    await using writer = await remote.beginSegment(SEGMENT, { isolate: false }, NEVER);
    const sent = Array.from({ length: 40 }, (_, no) => `${no},${'x'.repeat(no * 10_000)}\n`);
    for (const line of sent) {
      const chunk = csvChunk([line]);
      await writer.write(chunk, NEVER);
      chunk.payload.fill(0);
    }
    await writer.commit(outcomeOf(sent), NEVER);
    expect(load.committed.get(1)?.lines).toEqual(sent);
  });

  it('says what it refused and leaves the chunk to the reader when the segment is isolated', async () => {
    load.refuse = (line) => (line.startsWith('2') ? 'too odd' : null);
    await using writer = await remote.beginSegment(SEGMENT, { isolate: true }, NEVER);
    const chunk = csvChunk(LINES);
    expect(await writer.write(chunk, NEVER)).toEqual([{ index: 1, reason: 'too odd' }]);
    expect(chunk.ends.length).toBe(2);
    expect(load.calls).toEqual(['begin 1 by 1, isolated']);
  });

  it('reports a failed write at the commit at the latest, as the same failure', async () => {
    load.beforeWrite = async () => {
      throw new SyncError('DISK_FULL', 'The disk is full.', { detail: { path: 'x' } });
    };
    const writing = async () => {
      await using writer = await remote.beginSegment(SEGMENT, { isolate: false }, NEVER);
      await writer.write(csvChunk(LINES), NEVER);
      await writer.commit(outcomeOf(LINES), NEVER);
    };
    await expect(writing()).rejects.toMatchObject({
      code: 'DISK_FULL',
      kind: 'configuration',
      detail: { path: 'x' },
    });
    expect([load.committed.size, load.open]).toEqual([0, 0]);
  });

  describe.each([
    ['its own credit of bytes', 20 * 1024 * 1024, 1024 ** 3, null],
    ['the credit that the process has', 600 * 1024, 1024 ** 2, 500 * 1024],
    ['what others leave who wait for theirs', 1024, 1024 ** 2, 2 * 1024 ** 2],
  ])('of chunks beyond %s', (_what, chunkBytes, capBytes, othersBytes) => {
    it('holds the reader back until the ones before have arrived', async () => {
      const pool = new CreditPool(capBytes);
      const others = new MemoryCredit(pool.openAccount());
      const { port1, port2 } = new MessageChannel();
      const serve = serveLoad(port2, async () => load, NEVER);
      const held = others.tryTake(1024);
      const share = othersBytes === null ? null : others.take(othersBytes, NEVER);
      const arrived = Promise.withResolvers<void>();
      const mayGoOn = Promise.withResolvers<void>();
      load.beforeWrite = async () => {
        arrived.resolve();
        await mayGoOn.promise;
      };
      {
        await using writer = await connectRemoteLoad(port1, new MemoryCredit(pool.openAccount())).beginSegment(
          SEGMENT,
          { isolate: false },
          NEVER,
        );
        const large = () => csvChunk([`1,${'x'.repeat(chunkBytes)}\n`]);
        let second = 'waits';
        await writer.write(large(), NEVER);
        await arrived.promise;
        const writing = writer.write(large(), NEVER).then(() => {
          second = 'went on';
        });
        await remotelyIdle();
        expect(second).toBe('waits');
        mayGoOn.resolve();
        await writing;
        expect(second).toBe('went on');
        held?.release();
        (await share)?.release();
      }
      expect(pool.state()).toMatchObject({ takenBytes: 0, waiting: 0 });
      port1.close();
      await serve;
    });
  });
});

describe('the end of one side', () => {
  it('abandons the open segment when the reader goes', async () => {
    await remote.beginSegment(SEGMENT, { isolate: false }, NEVER);
    readerPort.close();
    await serving;
    expect(load.calls).toEqual(['begin 1 by 1', 'abandon 1', 'close']);
  });

  it('fails the reader with a failure that is tried again when the owner goes', async () => {
    const { port1, port2 } = new MessageChannel();
    port2.on('message', () => port2.close());
    const orphaned = connectRemoteLoad(port1, credit);
    await expect(orphaned.lookup(SEGMENT, NEVER)).rejects.toMatchObject({ code: 'CONN_LOST', kind: 'transient' });
    await expect(orphaned.beginSegment(SEGMENT, { isolate: false }, NEVER)).rejects.toMatchObject({
      code: 'CONN_LOST',
    });
  });

  it('fails the reader too when the owner was gone before the reader came', async () => {
    const { port1, port2 } = new MessageChannel();
    port2.close();
    await once(port2, 'close');
    await expect(connectRemoteLoad(port1, credit).lookup(SEGMENT, NEVER)).rejects.toMatchObject({ code: 'CONN_LOST' });
  });

  it('ends the serving of a reader that went without a word while the load was opened', async () => {
    const { port1, port2 } = new MessageChannel();
    const open = Promise.withResolvers<MemoryLoad>();
    const serve = serveLoad(port2, () => open.promise, NEVER);
    const closed = once(port2, 'close');
    port1.close();
    await closed;
    open.resolve(load);
    await serve;
    expect(load.calls).toEqual(['close']);
  });

  it('ends the serving when it is aborted, whatever the reader does', async () => {
    const { port1, port2 } = new MessageChannel();
    onTestFinished(() => port1.close());
    const stop = new AbortController();
    const serve = serveLoad(port2, async () => load, stop.signal);
    const reader = connectRemoteLoad(port1, credit);
    const writer = await reader.beginSegment(SEGMENT, { isolate: true }, NEVER);
    const [arrived, mayGoOn] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    load.beforeWrite = () => {
      arrived.resolve();
      return mayGoOn.promise;
    };
    const calls = [writer.write(csvChunk(LINES), NEVER), writer.commit(outcomeOf(LINES), NEVER)];
    const results = Promise.allSettled(calls);
    await arrived.promise;
    await remotelyIdle();
    stop.abort();
    mayGoOn.resolve();
    await expect(serve).rejects.toMatchObject({ name: 'AbortError' });
    // What waited behind the call that was under way is not begun.
    expect(await results).toMatchObject([{ status: 'fulfilled' }, { reason: { kind: 'canceled' } }]);
    expect(load.calls).toEqual(['begin 1 by 1, isolated', 'abandon 1', 'close']);
  });

  it('lets the first failure through, not that nothing could be closed after it', async () => {
    const { port1, port2 } = new MessageChannel();
    const serve = serveLoad(port2, async () => load, NEVER);
    const orphaned = connectRemoteLoad(port1, credit);
    const writing = async () => {
      await using writer = await orphaned.beginSegment(SEGMENT, { isolate: false }, NEVER);
      port2.close();
      await serve;
      await writer.write(csvChunk(LINES), NEVER);
      await writer.commit(outcomeOf(LINES), NEVER);
    };
    await expect(writing()).rejects.toMatchObject({ name: 'SyncError', code: 'CONN_LOST' });
  });
});

/** Returns when everything sent before has been delivered to the other side and back. */
async function remotelyIdle(): Promise<void> {
  const { port1, port2 } = new MessageChannel();
  port2.on('message', () => port2.postMessage(null));
  for (let round = 0; round < 3; round += 1) {
    port1.postMessage(null);
    await once(port1, 'message');
  }
  port1.close();
}
