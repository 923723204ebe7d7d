import { isIP } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ConnectorContext, DatabaseAddress } from '../../connector-kit/index.ts';
import { SyncError } from '../../core/index.ts';
import { refuseLentSessions } from './client/pooler.ts';
import { openSession, type Session, type SessionOptions } from './client.ts';

const MAX_IDLE = 4;
/** An idle session holds one of the places that the server or the role has; others may be waiting for it. */
const IDLE_MS = 5_000;
const TURN_DELAY_MS = 250;
/** A session that said goodbye keeps its place for up to a tenth of a second, on a busy server longer. */
const LEAVING_MS = 300;
const LEAVING_DELAY_MS = 30;
/** How long the server may leave us without a place. The first time shorter, so that a check can say what is wrong. */
const BRIEF_WAIT_MS = 5_000;
const LONG_WAIT_MS = 60_000;

/** Tables that, found together, tell Millrace's metadata database under whatever address it is reached. */
const METADATA_TABLES = ['installation', 'execution_snapshots', 'schema_caches'];

/** The idle sessions of one connector. Each is used by one caller at a time. */
export class SessionPool implements AsyncDisposable {
  readonly #options: SessionOptions & { readonly context: ConnectorContext };
  readonly #idle: Session[] = [];
  /** Working for somebody; some of them may have been ended since. */
  readonly #lent = new Set<Session>();
  #opening = 0;
  #isProved = false;
  #isTight = false;
  #isDisposed = false;
  #idleTimer: NodeJS.Timeout | undefined;

  constructor(options: SessionOptions & { readonly context: ConnectorContext }) {
    this.#options = options;
  }

  /**
   * An idle session, or a new one. Once the server had no place for us and nobody was just leaving, one session at a time.
   * @param isBrief for who keeps another place meanwhile: those who wait for each other's would wait for as long as they may
   * @throws a `CONN_…` error; `CONN_FULL` when nobody made room for long enough
   */
  async acquire(signal: AbortSignal, isBrief = false): Promise<Session> {
    while (this.#isTight && this.#isWorking()) await pause(signal);
    const idle = this.#takeIdle();
    if (idle !== undefined) return idle;
    this.#opening += 1;
    const session = await this.#openInTurn(isBrief, signal).finally(() => {
      this.#opening -= 1;
    });
    this.#lent.add(session);
    try {
      await this.#prove(session, signal);
      return session;
    } catch (error) {
      session.destroy();
      throw error;
    }
  }

  /** True once there was no place for us, see `acquire`: nobody should keep a session that does not work. */
  get isTight(): boolean {
    return this.#isTight;
  }

  /** The session stays open beside those that work, as the holder of a snapshot does. */
  setAside(session: Session): void {
    this.#lent.delete(session);
  }

  /** Takes back a session that is outside of a transaction; a broken one is dropped. */
  async release(session: Session): Promise<void> {
    this.#lent.delete(session);
    const isKept = session.isUsable && !this.#isTight && !this.#isDisposed && this.#idle.length < MAX_IDLE;
    if (!isKept) return this.close(session);
    this.#idle.push(session);
    clearTimeout(this.#idleTimer);
    this.#idleTimer = setTimeout(() => void this.#dropIdle(), IDLE_MS);
    this.#idleTimer.unref();
  }

  /** Ends a session, lent or set aside. Where places are few, one is given back when the server has it back. */
  async close(session: Session): Promise<void> {
    await session[Symbol.asyncDispose]();
    if (this.#isTight) await session.ended;
  }

  /** Runs `work` on a session. When it throws, the session's state is unknown and the session is closed. */
  async use<Result>(signal: AbortSignal, work: (session: Session) => Promise<Result>): Promise<Result> {
    const session = await this.acquire(signal);
    try {
      const result = await work(session);
      await this.release(session);
      return result;
    } catch (error) {
      session.destroy();
      throw error;
    }
  }

  /** Runs `work` between BEGIN and COMMIT. */
  transaction<Result>(signal: AbortSignal, work: (session: Session) => Promise<Result>): Promise<Result> {
    return this.use(signal, async (session) => {
      await session.script('Beginning a transaction', 'BEGIN', signal);
      const result = await work(session);
      await session.script('Committing', 'COMMIT', signal);
      return result;
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isDisposed = true;
    await this.#dropIdle();
  }

  #takeIdle(): Session | undefined {
    const idle = this.#idle.splice(0);
    const found = idle.findLast(({ isUsable }) => isUsable);
    this.#idle.push(...idle.filter((session) => session.isUsable && session !== found));
    if (found !== undefined) this.#lent.add(found);
    return found;
  }

  /** Sessions that were ended by those who worked with them are no longer usable. */
  #isWorking(): boolean {
    for (const session of this.#lent) if (!session.isUsable) this.#lent.delete(session);
    return this.#lent.size + this.#opening > 0;
  }

  async #dropIdle(): Promise<void> {
    clearTimeout(this.#idleTimer);
    await Promise.all(this.#idle.splice(0).map((session) => this.close(session)));
  }

  /** Other threads and programs hold the places; whoever ends first lets us in. */
  async #openInTurn(isBrief: boolean, signal: AbortSignal): Promise<Session> {
    const { forbiddenDatabase } = this.#options.context;
    if (forbiddenDatabase !== null && !this.#isProved) await this.#refuseForbidden(forbiddenDatabase);
    // Unequal, so that of two who wait for each other's places one gives up first.
    const wait = this.#isTight && !isBrief ? LONG_WAIT_MS : BRIEF_WAIT_MS;
    const giveUpAt = performance.now() + wait * (1 + Math.random());
    let tightAt: number | undefined;
    while (true) {
      try {
        return await openSession(this.#options, signal);
      } catch (error) {
        if (!(error instanceof SyncError) || error.code !== 'CONN_FULL') throw error;
        tightAt ??= performance.now() + LEAVING_MS;
        this.#isTight ||= performance.now() >= tightAt;
        await this.#dropIdle();
        if (performance.now() > giveUpAt) throw error;
        await (this.#isTight ? pause(signal) : sleep(LEAVING_DELAY_MS, undefined, { signal }));
      }
    }
  }

  /** What a session must be: no lent one, and not in our own database. The second is asked once. */
  async #prove(session: Session, signal: AbortSignal): Promise<void> {
    const { forbiddenDatabase } = this.#options.context;
    if (session.isPooled) {
      const openSecond = (within: AbortSignal) => openSession(this.#options, within);
      if (!this.#isProved) await refuseLentSessions(session, openSecond, this.#name, signal);
      await session.applySettings(signal);
    }
    if (forbiddenDatabase !== null && !this.#isProved) await this.#refuseMetadata(forbiddenDatabase, session, signal);
    this.#isProved = true;
  }

  async #refuseForbidden(forbidden: DatabaseAddress): Promise<void> {
    const { config, context } = this.#options;
    // A name behind an SSH host is resolved there; what the database holds tells it.
    if (config.ssh) return;
    if (config.port !== forbidden.port || config.database !== forbidden.database) return;
    const ours = await context.resolveHost(config.hostname);
    const theirs = await context.resolveHost(forbidden.host);
    if (ours === theirs || (isLoopback(ours) && isLoopback(theirs))) throw this.#forbidden();
  }

  /** The same database under another address: another host name, a forwarded port. */
  async #refuseMetadata(forbidden: DatabaseAddress, session: Session, signal: AbortSignal): Promise<void> {
    if (this.#options.config.database !== forbidden.database) return;
    const [row] = await session.query(
      'Reading the catalogue',
      `SELECT count(DISTINCT relname)::int AS found FROM pg_class WHERE relkind IN ('r', 'p') AND relname = ANY ($1)`,
      [METADATA_TABLES],
      signal,
    );
    if (row?.found !== String(METADATA_TABLES.length)) return;
    throw this.#forbidden();
  }

  get #name(): string {
    const { hostname, port, database } = this.#options.config;
    return `${hostname}:${port}/${database}`;
  }

  #forbidden(): SyncError {
    return new SyncError(
      'CONN_ADDRESS_REFUSED',
      `${this.#name} is the database in which Millrace keeps its own records; it is never opened as a connection. Choose another database.`,
    );
  }
}

function pause(signal: AbortSignal): Promise<void> {
  return sleep(TURN_DELAY_MS * (1 + Math.random()), undefined, { signal });
}

function isLoopback(address: string): boolean {
  return address === '::1' || (isIP(address) === 4 && address.startsWith('127.')) || address.startsWith('::ffff:127.');
}
