import { type PlaceOwner, Places } from './places.ts';

/** Of one destination. More would tell of a server that does not keep up, and needs no more to do. */
const MAX_WAITING = 1_000;

/** Destinations that collect at once. A slow one holds up the others only when there are as many slow ones as this. */
const MAX_AT_ONCE = 8;

/** Whose table it is, and the connection to where it lies. */
interface TableOwner extends PlaceOwner {
  readonly destinationId: string;
}

/** The tables of one destination: what was begun or waits last, and how many there are. */
interface Line {
  last: Promise<void>;
  waiting: number;
}

/** Published tables whose statistics are being collected, of each destination one at a time, and beside whatever else goes on. */
export class Statistics {
  readonly #draining: AbortSignal;
  readonly #places = new Places(MAX_AT_ONCE);
  readonly #lines = new Map<string, Line>();

  /** @param draining from when it fires, none are begun */
  constructor(draining: AbortSignal) {
    this.#draining = draining;
  }

  /** @param collect never throws */
  add(owner: TableOwner, collect: () => Promise<void>): void {
    const { destinationId } = owner;
    const line = this.#lines.get(destinationId) ?? { last: Promise.resolve(), waiting: 0 };
    if (line.waiting >= MAX_WAITING) return;
    this.#lines.set(destinationId, line);
    line.waiting += 1;
    line.last = line.last
      .then(() => this.#collect(owner, collect))
      .finally(() => {
        line.waiting -= 1;
        if (line.waiting === 0) this.#lines.delete(destinationId);
      });
  }

  async #collect(owner: PlaceOwner, collect: () => Promise<void>): Promise<void> {
    using place = await this.#places.take(owner, this.#draining);
    if (place !== null) await collect();
  }

  /** Returns when nothing of what was added until now is under way or may be begun. */
  async ended(): Promise<void> {
    await Promise.all([...this.#lines.values()].map(({ last }) => last));
  }
}
