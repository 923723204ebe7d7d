import { describe, expect, it } from 'vitest';
import { createMemorySystem } from '../../../tests/setup/memory-connector.ts';
import type { ConnectorDefinition } from '../../connector-kit/index.ts';
import type { ConnectionSpec } from '../pipeline/jobs.ts';
import { Reach } from './reach.ts';

const NEVER = new AbortController().signal;
const END: ConnectionSpec = { type: 'far', config: {}, organizationId: 'o', holder: 'h', applicationName: 'a' };

interface Scene {
  readonly reach: Reach;
  /** What a new session meets. */
  answers: boolean;
  others: number;
  asked: number;
}

function createScene(): Scene {
  const scene = { answers: true, others: 1, asked: 0 };
  const { definition } = createMemorySystem([]);
  const { source, ...capabilities } = definition.capabilities;
  const far = {
    ...definition,
    capabilities: { ...capabilities, source: { ...source, placement: 'worker' } },
    config: { parse: () => ({}) },
    connect: async () => ({
      reach: async (signal: AbortSignal) => {
        scene.asked += 1;
        if (!scene.answers)
          await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
      },
      [Symbol.asyncDispose]: async () => {},
    }),
    // Only what is asked of it here is there.
  } as unknown as ConnectorDefinition<unknown>;
  const reach = new Reach({
    connectors: new Map([['far', far]]),
    contextFor: () => ({}) as never,
    others: () => scene.others,
    patienceMs: 10,
  });
  return Object.assign(scene, { reach });
}

/** Work that ends only when it is told to. */
function untilStopped(signal: AbortSignal): Promise<string> {
  return new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('stopped'))));
}

describe('a silent step', () => {
  it('is stopped when a system gives no answer to a new session', async () => {
    const scene = createScene();
    scene.answers = false;
    await expect(scene.reach.during([END], NEVER, untilStopped)).rejects.toMatchObject({ code: 'CONN_LOST' });
    expect(await scene.reach.isThere([END])).toBe(false);
  });

  it('is given up also when it does not stop', async () => {
    const scene = createScene();
    scene.answers = false;
    const deaf = scene.reach.during([END], NEVER, () => new Promise(() => {}));
    await expect(deaf).rejects.toMatchObject({ code: 'CONN_LOST' });
  });

  it('goes on as long as its systems answer', async () => {
    const scene = createScene();
    const enough = Promise.withResolvers<string>();
    const result = scene.reach.during([END], NEVER, async () => enough.promise);
    await untilTrue(() => scene.asked >= 3);
    enough.resolve('done');
    expect(await result).toBe('done');
    expect(await scene.reach.isThere([END])).toBe(true);
  });

  it('is left alone where no other worker could take it', async () => {
    const scene = createScene();
    Object.assign(scene, { answers: false, others: 0 });
    const alone = Promise.withResolvers<string>();
    const result = scene.reach.during([END], NEVER, async () => alone.promise);
    const witness = createScene();
    await witness.reach.during([END], NEVER, () => untilTrue(() => witness.asked >= 3));
    expect(scene.asked).toBe(0);
    alone.resolve('done');
    expect(await result).toBe('done');
  });

  it('ends with its own error when it fails or is cancelled', async () => {
    const scene = createScene();
    const failing = scene.reach.during([END], NEVER, () => Promise.reject(new Error('own')));
    await expect(failing).rejects.toThrow('own');
    const cancel = new AbortController();
    const canceled = scene.reach.during([END], cancel.signal, untilStopped);
    cancel.abort();
    await expect(canceled).rejects.toThrow('stopped');
  });
});

async function untilTrue(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await new Promise((resolve) => setImmediate(resolve));
}
