import { describe, expect, it } from 'vitest';
import { BULK_MODES, type BulkMode } from '../../core/index.ts';
import { emptySum } from '../../formats/index.ts';
import { type DestinationFixture, openScene } from './destination-scene.ts';
import type { TestRecord } from './records.ts';

/** The points at which the suite lets a load die. Each system names its own. */
export interface DestinationFailpoints {
  /** In `commit`, before the destination has committed. */
  readonly beforeCommit: string;
  /** In `publish`, before the destination has committed. */
  readonly beforePublish: string;
}

const NEVER = new AbortController().signal;
const OPEN = { isolate: false };

/**
 * What every bulk destination must do, whatever it is: loads, proofs, fences and publications by the contract's words.
 * @param modes those of its capabilities; without `replicate` it is asked for replacements only
 */
export function describeDestination(
  name: string,
  open: () => Promise<DestinationFixture>,
  failpoints: DestinationFailpoints,
  modes: readonly BulkMode[] = BULK_MODES,
): void {
  const canMerge = modes.includes('replicate');
  const anyKind = canMerge ? 'merge' : 'replace';
  describe(`${name} as a bulk destination`, () => {
    it('lands a replacement, and proves it before it is published', async () => {
      await using scene = await openScene(open);
      const run = await scene.run('replace', numbered(1, 50));
      expect(run.before).toEqual(run.written);
      expect(run.counts).toMatchObject({
        inserted: 50,
        updated: 0,
        unchanged: 0,
        rejects: [],
        rejected: emptySum(false),
      });
    });

    it('replaces a table without a key', async () => {
      await using scene = await openScene(open, { isKeyed: false });
      await scene.run('replace', [...numbered(1, 10), ...numbered(1, 10)]);
      const second = await scene.run('replace', numbered(1, 7));
      expect(second.before).toEqual(second.written);
      expect(second.counts.inserted).toBe(7);
    });

    it('keeps text as it is: empty, NULL, quotes, line ends, other alphabets', async () => {
      await using scene = await openScene(open);
      const notes = [null, '', ' ', '"', ',', '\n', '\r\n', '\\N', 'NULL', 'naïve 🌊', "'; DROP TABLE x"];
      const run = await scene.run(
        anyKind,
        notes.map((note, id) => ({ id, note })),
      );
      expect(run.before ?? run.after).toEqual(run.written);
    });

    it('shows its living records as an image, hashed and sent as they were loaded', async () => {
      await using scene = await openScene(open);
      const records = [...numbered(1, 20), { id: 21, note: null }, { id: 22, note: '' }, { id: 23, note: 'a,"b\n' }];
      const { written } = await scene.run(anyKind, records);
      expect(await scene.readImage()).toEqual({ digest: written, read: written });
      if (!canMerge) return;
      const { written: left } = await scene.run('merge', numbered(1, 15));
      expect(await scene.readImage()).toEqual({ digest: left, read: left });
    });

    it('changes nothing when more would be lost than the guard allows', async () => {
      await using scene = await openScene(open);
      await scene.run(anyKind, numbered(1, 50));
      for (const kind of new Set([anyKind, 'replace'] as const)) {
        const losing = scene.run(kind, numbered(1, 20), { maxLossPercent: 50 });
        await expect(losing).rejects.toMatchObject({ code: 'LOSS_GUARD' });
      }
      const untouched = canMerge ? { unchanged: 50 } : { inserted: 50, deleted: 0 };
      expect((await scene.run(anyKind, numbered(1, 50), { maxLossPercent: 0 })).counts).toMatchObject(untouched);
    });

    it('counts what a replacement loses by key, not by number', async () => {
      await using scene = await openScene(open);
      await scene.run('replace', numbered(1, 50));
      await expect(scene.run('replace', numbered(51, 100), { maxLossPercent: 50 })).rejects.toMatchObject({
        code: 'LOSS_GUARD',
      });
      expect((await scene.run('replace', numbered(11, 60))).counts).toMatchObject({ inserted: 50, deleted: 10 });
    });

    it('lets one sync write a table, and tells the second whose it is', async () => {
      await using scene = await openScene(open);
      await scene.run(anyKind, numbered(1, 5));
      await expect(scene.run(anyKind, numbered(1, 5), { syncId: 'other' })).rejects.toMatchObject({
        code: 'TABLE_OWNED',
      });
    });

    it('leaves nothing of a segment that was given up', async () => {
      await using scene = await openScene(open);
      const load = await scene.begin('replace');
      {
        await using writer = await load.beginSegment({ no: 0, token: 1 }, OPEN, NEVER);
        await writer.write(scene.encode(numbered(1, 10)), NEVER);
      }
      // Unknown for as long as the destination has not noticed that its session is gone.
      await expect.poll(() => load.lookup({ no: 0, token: 1 }, NEVER)).toEqual({ state: 'absent' });
      expect(await load.digest(null, true, NEVER)).toEqual({ records: 0, sum: null });
    });

    it('remembers what a committed segment told, and takes it once', async () => {
      await using scene = await openScene(open);
      const load = await scene.begin('replace');
      const outcome = await scene.writeSegment(load, 0, numbered(1, 10));
      expect(await load.lookup({ no: 0, token: 1 }, NEVER)).toEqual({ state: 'committed', outcome });
      await expect(load.beginSegment({ no: 0, token: 2 }, OPEN, NEVER)).rejects.toMatchObject({ code: 'FENCE_LOST' });
    });

    it('can write a segment again after it died before its commit', async () => {
      await using scene = await openScene(open);
      const load = await scene.begin('replace');
      const dying = await scene.dieAt(failpoints.beforeCommit);
      await expect(scene.writeSegment(dying, 0, numbered(1, 10))).rejects.toThrow('killed');
      await scene.writeSegment(load, 0, numbered(1, 10), 2);
      expect((await load.digest(null, true, NEVER)).records).toBe(10);
    });

    it('stops a load once a newer generation has begun', async () => {
      await using scene = await openScene(open);
      const older = await scene.begin('replace');
      await scene.begin('replace');
      await expect(older.prepare(NEVER)).rejects.toMatchObject({ code: 'FENCE_LOST' });
      await expect(older.beginSegment({ no: 0, token: 1 }, OPEN, NEVER)).rejects.toMatchObject({ code: 'FENCE_LOST' });
      await expect(older.publish({ maxLossPercent: 100 }, NEVER)).rejects.toMatchObject({ code: 'FENCE_LOST' });
    });

    it.each(canMerge ? (['replace', 'merge'] as const) : (['replace'] as const))(
      'publishes a %s again after it died in the middle, and only once',
      async (kind) => {
        await using scene = await openScene(open);
        await scene.run(anyKind, numbered(1, 10));
        const load = await scene.begin(kind);
        await scene.writeSegment(load, 0, numbered(1, 12));
        await load.seal(NEVER);
        const dying = await scene.dieAt(failpoints.beforePublish);
        await expect(dying.publish({ maxLossPercent: 100 }, NEVER)).rejects.toThrow('killed');
        expect(await load.published(NEVER)).toBeNull();
        const counts = await load.publish({ maxLossPercent: 100 }, NEVER);
        expect(counts.inserted).toBe(kind === 'merge' ? 2 : 12);
        expect(await load.published(NEVER)).toEqual(counts);
        expect(await load.publish({ maxLossPercent: 0 }, NEVER)).toEqual(counts);
        await load.discard(NEVER);
      },
    );

    if (canMerge) describeMerges(open);
    if (canMerge) describeRemovals(open);
  });
}

function describeMerges(open: () => Promise<DestinationFixture>): void {
  it.each([true, false])('merges a complete scan, tombstones: %s', async (tombstones) => {
    await using scene = await openScene(open, { tombstones });
    const first = await scene.run('merge', numbered(1, 50));
    expect(first.counts).toMatchObject({ inserted: 50, updated: 0, unchanged: 0, deleted: 0 });
    expect(first.after).toEqual(first.written);
    const second = await scene.run(
      'merge',
      [...numbered(11, 50), { id: 12, note: null }, { id: 99, note: '' }].filter(
        ({ id, note }) => id !== 12 || note === null,
      ),
    );
    expect(second.counts).toMatchObject({ inserted: 1, updated: 1, unchanged: 39, deleted: 10 });
    expect(second.after).toEqual(second.written);
    const third = await scene.run('merge', numbered(1, 50));
    expect(third.counts).toMatchObject({ updated: tombstones ? 11 : 1, inserted: tombstones ? 0 : 10, deleted: 1 });
    expect(third.after).toEqual(third.written);
  });

  it('applies a delta, removing nothing', async () => {
    await using scene = await openScene(open);
    await scene.run('merge', numbered(1, 50));
    const delta = await scene.run('delta', [
      { id: 7, note: 'changed' },
      { id: 8, note: 'note 8' },
      { id: 60, note: 'new' },
    ]);
    expect(delta.counts).toMatchObject({ inserted: 1, updated: 1, unchanged: 1, deleted: 0 });
    expect(delta.after).toEqual(delta.written);
    const whole = await scene.run('merge', [
      ...numbered(1, 50).filter(({ id }) => id !== 7),
      { id: 7, note: 'changed' },
      { id: 60, note: 'new' },
    ]);
    expect(whole.counts).toMatchObject({ inserted: 0, updated: 0, unchanged: 51, deleted: 0 });
  });
}

function describeRemovals(open: () => Promise<DestinationFixture>): void {
  it.each([true, false])('removes what a delta lists, and nothing else, tombstones: %s', async (tombstones) => {
    await using scene = await openScene(open, { tombstones });
    await scene.run('merge', numbered(1, 50));
    const changed = [{ id: 7, note: 'changed' }];
    const { counts } = await scene.run('delta', changed, { removals: [{ id: '8' }, { id: '999' }] });
    expect(counts).toMatchObject({ inserted: 0, updated: 1, deleted: 1 });
    const left = [...numbered(1, 50).filter(({ id }) => id !== 7 && id !== 8), ...changed];
    const { digest } = await scene.readImage();
    expect(digest).toEqual(scene.sumOf(left));
    const again = await scene.run('delta', numbered(8, 8));
    expect(again.counts).toMatchObject(tombstones ? { inserted: 0, updated: 1 } : { inserted: 1, updated: 0 });
  });

  it('guards the loss of what a delta lists', async () => {
    await using scene = await openScene(open);
    await scene.run('merge', numbered(1, 10));
    const removals = numbered(1, 6).map(({ id }) => ({ id: String(id) }));
    const losing = scene.run('delta', numbered(1, 1), { removals, maxLossPercent: 50 });
    await expect(losing).rejects.toMatchObject({ code: 'LOSS_GUARD' });
    expect((await scene.readImage()).digest).toEqual(scene.sumOf(numbered(1, 10)));
  });
}

function numbered(from: number, to: number): TestRecord[] {
  return Array.from({ length: to - from + 1 }, (_, index) => ({ id: from + index, note: `note ${from + index}` }));
}
