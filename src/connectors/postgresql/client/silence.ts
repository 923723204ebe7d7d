/** What the server says of a session. */
export interface SessionState {
  /** Such as `active` or `idle in transaction`. */
  readonly state: string | null;
  /** What kind of thing it waits for, such as `Lock`, or `Client`: for us. */
  readonly wait: string | null;
}

/** Asks the server on another session; null: it knows no such session. @throws when it is out of reach */
export type Probe = () => Promise<SessionState | null>;

/** How a session looks from within. */
export interface SilentSession {
  /** Grows with every call; the same number at two looks = one call that has lasted. Null: nobody waits for the server. */
  readonly call: number | null;
  /** Bytes that ever came. */
  readonly bytesRead: number;
}

/** Between two looks. Three of them find out about a dead session: within a minute. */
const LOOK_MS = 20_000;
/** Looks between two questions, once a server has said that it is at work: they grow up to this. */
const MAX_PAUSE = 15;
/** Questions without an answer, after which the server counts as gone. */
const MAX_UNANSWERED = 3;

/** About the session with a process id and a start. */
export const QUESTION =
  'SELECT state, wait_event_type AS wait FROM pg_stat_activity WHERE pid = $1::int AND backend_start::text = $2';

/** The answer to `QUESTION`. */
export function toSessionState({ state = null, wait = null }: Readonly<Record<string, string | null>>): SessionState {
  return { state, wait };
}

/**
 * Watches over a session that waits for an answer. TCP alone does not tell that the other end is gone, or that it waits
 * for us as we wait for it; then both would wait for ever. When nothing comes for a while, the server is asked on another
 * connection what that session does: work, however long, is left alone.
 */
export class SilenceWatch implements Disposable {
  readonly #look: () => SilentSession;
  readonly #probe: Probe;
  readonly #onDead: (reason: string) => void;
  readonly #timer: NodeJS.Timeout;
  #last: SilentSession = { call: null, bytesRead: 0 };
  #silentLooks = 0;
  #nextQuestion = 1;
  #suspicions = 0;
  #unanswered = 0;
  #isAsking = false;

  constructor(
    parts: { readonly look: () => SilentSession; readonly probe: Probe; readonly onDead: (reason: string) => void },
    lookMs = LOOK_MS,
  ) {
    this.#look = parts.look;
    this.#probe = parts.probe;
    this.#onDead = parts.onDead;
    this.#timer = setInterval(() => void this.#watch(), lookMs);
    this.#timer.unref();
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }

  async #watch(): Promise<void> {
    if (this.#isAsking) return;
    const before = this.#last;
    this.#last = this.#look();
    const isSilent =
      this.#last.call !== null && this.#last.call === before.call && this.#last.bytesRead === before.bytesRead;
    if (!isSilent) return this.#reset();
    this.#silentLooks += 1;
    if (this.#silentLooks < this.#nextQuestion) return;
    this.#isAsking = true;
    await this.#ask().finally(() => {
      this.#isAsking = false;
    });
  }

  #reset(): void {
    this.#silentLooks = 0;
    this.#nextQuestion = 1;
    this.#suspicions = 0;
    this.#unanswered = 0;
  }

  async #ask(): Promise<void> {
    const answer = await this.#probe().catch(() => undefined);
    const now = this.#look();
    if (now.call !== this.#last.call || now.bytesRead !== this.#last.bytesRead) return this.#reset();
    this.#nextQuestion = this.#silentLooks + 1;
    if (answer === undefined) {
      this.#unanswered += 1;
      if (this.#unanswered >= MAX_UNANSWERED)
        this.#onDead('nothing has come for a while, and the server is out of reach');
      return;
    }
    this.#unanswered = 0;
    if (answer === null) return this.#onDead('the server has ended the session, of which we heard nothing');
    if (!waitsForUs(answer)) {
      this.#suspicions = 0;
      this.#nextQuestion = this.#silentLooks + Math.min(this.#silentLooks, MAX_PAUSE);
      return;
    }
    this.#suspicions += 1;
    // The first time an answer may have been under way.
    if (this.#suspicions > 1)
      this.#onDead('the server waits for us while we wait for it, so bytes were lost on the way');
  }
}

function waitsForUs({ state, wait }: SessionState): boolean {
  return wait === 'Client' || (state?.startsWith('idle') ?? false);
}
