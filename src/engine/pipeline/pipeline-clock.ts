import type { BulkSource, Load, Pack, SegmentWriter } from '../../connector-kit/index.ts';
import type { TimePart } from '../../core/index.ts';
import type { SegmentLoad } from './remote-load.ts';

/** Time that this thread has spent in the codecs of all its segments: the others wait meanwhile. */
let codecMs = 0;

/**
 * Measures where one job of a thread spends its time: two looks at the clock for each wait, none for a record. What lies
 * between two waits is our own work, the codec. While it waits, other segments of the same thread may be at work; what
 * they take counts as codec, too, because it is the thread that both wait for.
 */
export class PipelineClock {
  readonly #parts = new Map<TimePart, number>();
  #workingSince = performance.now();

  /** Runs a wait whose time belongs to that part. Waits of one job do not overlap. */
  async wait<T>(part: TimePart, work: () => Promise<T>): Promise<T> {
    const begun = this.#endWork();
    const before = codecMs;
    try {
      return await work();
    } finally {
      const ended = performance.now();
      const ofOthers = Math.min(codecMs - before, ended - begun);
      this.#add('codec', ofOthers);
      this.#add(part, ended - begun - ofOthers);
      this.#workingSince = ended;
    }
  }

  /** The times until now, in milliseconds. */
  read(): Readonly<Partial<Record<TimePart, number>>> {
    this.#workingSince = this.#endWork();
    return Object.fromEntries(this.#parts);
  }

  #endWork(): number {
    const now = performance.now();
    const worked = now - this.#workingSince;
    this.#add('codec', worked);
    codecMs += worked;
    return now;
  }

  #add(part: TimePart, ms: number): void {
    this.#parts.set(part, (this.#parts.get(part) ?? 0) + ms);
  }
}

/** The source with its waits measured. */
export function timeSource(source: BulkSource, clock: PipelineClock): Pick<BulkSource, 'read'> {
  return {
    read: (request, signal) => ({
      [Symbol.asyncIterator]() {
        const chunks = source.read(request, signal)[Symbol.asyncIterator]();
        return {
          next: () => clock.wait('source', () => chunks.next()),
          return: () =>
            clock.wait('source', async () => (await chunks.return?.()) ?? { done: true as const, value: undefined }),
        };
      },
    }),
  };
}

/** What a segment asks of its load, with the waits measured. */
export function timeSegmentLoad(load: SegmentLoad, clock: PipelineClock): SegmentLoad {
  return {
    lookup: (segment, signal) => clock.wait('destination', () => load.lookup(segment, signal)),
    async beginSegment(segment, options, signal) {
      return timeWriter(await clock.wait('destination', () => load.beginSegment(segment, options, signal)), clock);
    },
  };
}

function timeWriter(writer: SegmentWriter, clock: PipelineClock): SegmentWriter {
  return {
    write: (chunk, signal) => clock.wait('destination', () => writer.write(chunk, signal)),
    commit: (outcome, signal) => clock.wait('destination', () => writer.commit(outcome, signal)),
    [Symbol.asyncDispose]: () => clock.wait('destination', async () => writer[Symbol.asyncDispose]()),
  };
}

/** A pack with the waits for the destination measured. */
export function timePack(pack: Pack, clock: PipelineClock): Pack {
  return {
    enter: (signal) => clock.wait('destination', () => pack.enter(signal)),
    write: (index, chunks, signal) => clock.wait('destination', () => pack.write(index, chunks, signal)),
    commit: (outcomes, signal) => clock.wait('destination', () => pack.commit(outcomes, signal)),
    digest: (index, countsOnly, signal) => clock.wait('proof', () => pack.digest(index, countsOnly, signal)),
    publish: (outcomes, signal) => clock.wait('publication', () => pack.publish(outcomes, signal)),
    discard: (signal) => clock.wait('publication', () => pack.discard(signal)),
    [Symbol.asyncDispose]: () => pack[Symbol.asyncDispose](),
  };
}

const PART_OF: Partial<Record<keyof Load, TimePart>> = {
  prepare: 'destination',
  seal: 'publication',
  analyze: 'publication',
  digest: 'proof',
  published: 'publication',
  publish: 'publication',
  discard: 'publication',
};

/** A load as the work around its segments uses it, with the waits measured. */
export function timeLoad<L extends Load>(load: L, clock: PipelineClock): L {
  return new Proxy(load, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name);
      if (typeof member !== 'function') return member;
      // Any other name is simply not in the table.
      const part = PART_OF[name as keyof Load];
      // On the load itself: a proxy has no private fields.
      const call = (...given: unknown[]): unknown => Reflect.apply(member, target, given);
      // All that the table names are asynchronous.
      return part === undefined ? call : (...given: unknown[]) => clock.wait(part, async () => call(...given));
    },
  });
}
