/** Who asks for a place. */
export interface PlaceOwner {
  readonly organizationId: string;
  readonly executionId: string;
}

interface Waiter {
  readonly owner: PlaceOwner;
  readonly give: (place: Disposable) => void;
}

/**
 * The places of one process in which steps of executions are worked on. A free place goes to the organization that has the
 * fewest here, then to its execution with the fewest, then to who waits longest. Lanes ask again before each step, so no
 * organization holds all places for longer than one step takes, however many executions it has.
 */
export class Places {
  readonly #total: number;
  readonly #held: PlaceOwner[] = [];
  readonly #waiting: Waiter[] = [];
  /** Executions of which one step is worked on at a time. */
  readonly #narrow = new Set<string>();

  constructor(total: number) {
    this.#total = total;
  }

  /** How many are in use, and how many lanes wait for one. */
  get load(): { readonly total: number; readonly held: number; readonly waiting: number } {
    return { total: this.#total, held: this.#held.length, waiting: this.#waiting.length };
  }

  /** A place, when it is this owner's turn; dispose it behind the step. Null when the signal fires before. */
  async take(owner: PlaceOwner, signal: AbortSignal): Promise<Disposable | null> {
    if (signal.aborted) return null;
    const turn = Promise.withResolvers<Disposable | null>();
    const waiter: Waiter = { owner, give: turn.resolve };
    const leave = () => {
      const index = this.#waiting.indexOf(waiter);
      if (index < 0) return;
      this.#waiting.splice(index, 1);
      turn.resolve(null);
    };
    this.#waiting.push(waiter);
    signal.addEventListener('abort', leave, { once: true });
    this.#giveOut();
    try {
      return await turn.promise;
    } finally {
      signal.removeEventListener('abort', leave);
    }
  }

  /**
   * From now on one step of this execution is begun at a time: a server has too few sessions for more, and those who each
   * have one would wait for each other's. What is under way goes on.
   */
  narrow(executionId: string): void {
    this.#narrow.add(executionId);
  }

  /** The execution has ended. */
  forget(executionId: string): void {
    this.#narrow.delete(executionId);
  }

  #giveOut(): void {
    while (this.#held.length < this.#total) {
      const next = this.#choose();
      if (next === undefined) return;
      this.#waiting.splice(this.#waiting.indexOf(next), 1);
      this.#held.push(next.owner);
      next.give(this.#toPlace(next.owner));
    }
  }

  #choose(): Waiter | undefined {
    const share = ({ owner }: Waiter): readonly [number, number] => [
      this.#held.filter(({ organizationId }) => organizationId === owner.organizationId).length,
      this.#held.filter(({ executionId }) => executionId === owner.executionId).length,
    ];
    let best: { readonly waiter: Waiter; readonly share: readonly [number, number] } | undefined;
    for (const waiter of this.#waiting) {
      const [ofOrganization, ofExecution] = share(waiter);
      if (ofExecution > 0 && this.#narrow.has(waiter.owner.executionId)) continue;
      const [least, leastOfExecution] = best?.share ?? [Number.POSITIVE_INFINITY, 0];
      if (ofOrganization > least || (ofOrganization === least && ofExecution >= leastOfExecution)) continue;
      best = { waiter, share: [ofOrganization, ofExecution] };
    }
    return best?.waiter;
  }

  #toPlace(owner: PlaceOwner): Disposable {
    let isHeld = true;
    return {
      [Symbol.dispose]: () => {
        if (!isHeld) return;
        isHeld = false;
        this.#held.splice(this.#held.indexOf(owner), 1);
        this.#giveOut();
      },
    };
  }
}
