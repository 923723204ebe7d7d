import { describe, expect, it } from 'vitest';
import { Life } from './life.ts';

interface Scene {
  readonly life: Life;
  now: number;
  /** What the next beats answer; an error when the database is away. */
  answer: boolean | Error;
  /** Of the database's clock. */
  aheadMs: number;
  fenced: number;
  failures: number;
  silentMs: number;
}

function createScene({ isSole = false } = {}): Scene {
  const scene = { now: 0, answer: true as boolean | Error, aheadMs: 0, fenced: 0, failures: 0, silentMs: 0 };
  const life = new Life({
    heartbeat: {
      beat: async () => {
        if (scene.answer instanceof Error) throw scene.answer;
        return scene.answer ? new Date(scene.now + scene.aheadMs) : null;
      },
    },
    isSole,
    onFenced: () => {
      scene.fenced += 1;
    },
    onFailure: () => {
      scene.failures += 1;
    },
    onSilence: (silentMs) => {
      scene.silentMs = silentMs;
    },
    now: () => scene.now,
  });
  return Object.assign(scene, { life });
}

/** Whether a promise has resolved once everything that was ready has run. */
async function isDone(promise: Promise<void>): Promise<boolean> {
  let done = false;
  void promise.then(() => {
    done = true;
  });
  await new Promise((resolve) => setImmediate(resolve));
  return done;
}

describe('the life of a worker', () => {
  it('is proved for a while by each answered beat', async () => {
    const scene = createScene();
    scene.now = 2_900;
    expect(await isDone(scene.life.proven())).toBe(true);
    scene.now = 3_100;
    expect(await isDone(scene.life.proven())).toBe(false);
    await scene.life.beat();
    expect(await isDone(scene.life.proven())).toBe(true);
  });

  it('holds back who asks behind a freeze until the next beat, for ever where that says dead', async () => {
    const scene = createScene();
    scene.now = 30_000;
    const asked = scene.life.proven();
    scene.answer = new Error('away');
    await scene.life.beat();
    expect([await isDone(asked), scene.failures]).toEqual([false, 1]);
    scene.answer = false;
    await scene.life.beat();
    expect([await isDone(asked), scene.fenced]).toEqual([false, 1]);
  });

  it('lets others be declared dead only when this process has heard of the database all the time', async () => {
    const scene = createScene();
    for (scene.now = 1_000; scene.now <= 6_000; scene.now += 1_000) await scene.life.beat();
    expect(scene.life.isSteady).toBe(true);
    scene.answer = new Error('away');
    scene.now = 20_000;
    await scene.life.beat();
    scene.answer = true;
    await scene.life.beat();
    expect(scene.life.isSteady).toBe(false);
    for (scene.now = 21_000; scene.now <= 26_000; scene.now += 1_000) await scene.life.beat();
    expect(scene.life.isSteady).toBe(true);
  });

  it.each([3_600_000, -3_600_000])(
    'lets nobody be declared dead when the clock of the database was set by %i ms, until all have beaten by it',
    async (aheadMs) => {
      const scene = createScene();
      for (scene.now = 1_000; scene.now <= 6_000; scene.now += 1_000) await scene.life.beat();
      scene.aheadMs = aheadMs;
      // Nothing has told us yet: who is silent is reckoned by the old time.
      expect([scene.life.isSteady, scene.life.databaseNow]).toEqual([true, new Date(scene.now)]);
      await scene.life.beat();
      expect([scene.life.isSteady, scene.life.databaseNow]).toEqual([false, new Date(scene.now + aheadMs)]);
      for (scene.now = 8_000; scene.now <= 13_000; scene.now += 1_000) await scene.life.beat();
      expect(scene.life.isSteady).toBe(true);
    },
  );

  it('says how long nothing was proved', async () => {
    const scene = createScene();
    scene.now = 1_000;
    await scene.life.beat();
    scene.answer = new Error('away');
    scene.now = 6_500;
    await scene.life.beat();
    expect(scene.silentMs).toBe(5_500);
  });

  it('needs no proof where nobody else is', async () => {
    const scene = createScene({ isSole: true });
    scene.now = 3_600_000;
    expect(await isDone(scene.life.proven())).toBe(true);
    expect(scene.life.isSteady).toBe(true);
  });
});
