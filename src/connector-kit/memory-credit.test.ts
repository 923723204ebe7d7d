import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { CreditPool, type CreditShare, MemoryCredit } from './memory-credit.ts';

const KIB = 1024;
const NEVER = new AbortController().signal;

/** A pool of 100 KiB and two of its threads' accounts. */
function open() {
  const pool = new CreditPool(100 * KIB);
  const [one, other] = [pool.openAccount(), pool.openAccount()];
  return { pool, account: one, mine: new MemoryCredit(one), theirs: new MemoryCredit(other) };
}

/** Becomes true when a promise that was made before would have been kept by now. */
async function hasCome(promise: Promise<unknown>): Promise<boolean> {
  let came = false;
  promise.then(
    () => (came = true),
    () => {},
  );
  // A wait is noticed by a task of the event loop, not by a promise alone.
  for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  return came;
}

describe('the memory credit', () => {
  it('is one for all threads', () => {
    const { pool, mine, theirs } = open();
    const share = mine.tryTake(60 * KIB);
    expect(theirs.tryTake(41 * KIB)).toBeNull();
    expect(theirs.tryTake(40 * KIB)).not.toBeNull();
    share?.release();
    share?.release();
    expect(pool.state()).toEqual({ capBytes: 100 * KIB, takenBytes: 40 * KIB, waiting: 0 });
  });

  it('gives more than there is to one who is alone, and to nobody beside', async () => {
    const { mine, theirs } = open();
    const small = mine.tryTake(KIB);
    const large = theirs.take(1000 * KIB, NEVER);
    expect(await hasCome(large)).toBe(false);
    small?.release();
    const share = await large;
    expect(mine.tryTake(1)).toBeNull();
    share.release();
    expect(mine.tryTake(1)).not.toBeNull();
  });

  it('is given to those who wait in their order, and to nobody past them', async () => {
    const { pool, mine, theirs } = open();
    const first = mine.tryTake(90 * KIB);
    const order: string[] = [];
    const large = theirs.take(80 * KIB, NEVER).then((share) => order.push('large') && share);
    await hasCome(large);
    const small = mine.take(5 * KIB, NEVER).then((share) => order.push('small') && share);
    await hasCome(small);
    expect(mine.tryTake(KIB)).toBeNull();
    expect([order, pool.state().waiting]).toEqual([[], 1]);
    first?.release();
    await Promise.all([large, small]);
    expect([order, pool.state().waiting]).toEqual([['large', 'small'], 0]);
  });

  it('leaves the line when it is aborted, in front and behind', async () => {
    const { mine, theirs } = open();
    const all = mine.tryTake(100 * KIB);
    const [front, behind] = [new AbortController(), new AbortController()];
    const waits = [theirs.take(KIB, front.signal), mine.take(KIB, behind.signal), theirs.take(KIB, NEVER)];
    await hasCome(Promise.race(waits));
    behind.abort(new Error('enough'));
    await expect(waits[1]).rejects.toThrow('enough');
    front.abort(new Error('enough'));
    await expect(waits[0]).rejects.toThrow('enough');
    all?.release();
    await expect(waits[2]).resolves.toBeDefined();
  });

  it('is not waited for without end', async () => {
    const { account, mine, pool } = open();
    mine.tryTake(100 * KIB);
    const impatient = new MemoryCredit(account, 1);
    await expect(impatient.take(KIB, NEVER)).rejects.toMatchObject({ code: 'MEMORY_BUSY', kind: 'transient' });
    expect(pool.state().waiting).toBe(0);
  });

  it('never holds more than the cap, or one share', async () => {
    const anySizes = fc.array(fc.integer({ min: 1, max: 300 * KIB }), { minLength: 1, maxLength: 40 });
    await fc.assert(
      fc.asyncProperty(anySizes, async (sizes) => {
        const { pool, mine, theirs } = open();
        const held = new Set<CreditShare>();
        const hold = async (bytes: number, index: number) => {
          const share = await (index % 2 === 0 ? mine : theirs).take(bytes, NEVER);
          held.add(share);
          const { takenBytes, capBytes } = pool.state();
          if (held.size > 1) expect(takenBytes).toBeLessThanOrEqual(capBytes);
          await new Promise((resolve) => setImmediate(resolve));
          held.delete(share);
          share.release();
        };
        await Promise.all(sizes.map(hold));
        expect(pool.state()).toMatchObject({ takenBytes: 0, waiting: 0 });
      }),
      { numRuns: 20 },
    );
  });
});

describe('a thread that dies', () => {
  let worker: Worker | null = null;
  afterEach(() => worker?.terminate());

  /** Holds 60 KiB in a thread of its own and waits there for 60 KiB more. */
  async function startHolder(pool: CreditPool) {
    const account = pool.openAccount();
    const code = `
      const { MemoryCredit } = await import(${JSON.stringify(new URL('./memory-credit.ts', import.meta.url).href)});
      const { parentPort, workerData } = await import('node:worker_threads');
      const credit = new MemoryCredit(workerData);
      credit.tryTake(60 * 1024);
      void credit.take(60 * 1024, new AbortController().signal);
      parentPort.on('message', () => {});
      const { waiting } = { waiting: () => Atomics.load(new Int32Array(workerData.all), 2) };
      while (waiting() === 0) await new Promise((resolve) => setImmediate(resolve));
      parentPort.postMessage('waits');
    `;
    worker = new Worker(`(async () => { ${code} })()`, { eval: true, workerData: account });
    await once(worker, 'message');
    return account;
  }

  it('gives back what it held and leaves the line', async () => {
    const pool = new CreditPool(100 * KIB);
    const mine = new MemoryCredit(pool.openAccount());
    const account = await startHolder(pool);
    const waiting = mine.take(100 * KIB, NEVER);
    expect(pool.state()).toMatchObject({ takenBytes: 60 * KIB, waiting: 1 });
    await worker?.terminate();
    pool.closeAccount(account);
    pool.closeAccount(account);
    await waiting;
    expect(pool.state()).toMatchObject({ takenBytes: 100 * KIB, waiting: 0 });
  });
});
