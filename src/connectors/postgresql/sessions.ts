import { isIP } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ConnectorContext, DatabaseAddress } from '../../connector-kit/index.ts';
import { SyncError } from '../../core/index.ts';
import { refuseTransactionPooling } from './client/pooler.ts';
import { openSession, type Session, type SessionOptions } from './client.ts';

const MAX_IDLE = 4;
/** An idle session holds one of the places that the server or the role has; others may be waiting for it. */
const IDLE_MS = 5_000;
/** Longer than idle sessions are kept, and shorter than a check may take, whose answer should say what is wrong. */
const PLACE_LIMIT_MS = 20_000;
const PLACE_DELAY_MS = 250;

/** Tables that, found together, tell Millrace's metadata database under whatever address it is reached. */
const METADATA_TABLES = ['installation', 'execution_snapshots', 'schema_caches'];

/** The idle sessions of one connector. Each is used by one caller at a time. */
export class SessionPool implements AsyncDisposable {
  readonly #options: SessionOptions & { readonly context: ConnectorContext };
  readonly #idle: Session[] = [];
  #isProved = false;
  #isDisposed = false;
  #idleTimer: NodeJS.Timeout | undefined;

  constructor(options: SessionOptions & { readonly context: ConnectorContext }) {
    this.#options = options;
  }

  /** An idle session, or a new one; waits for a while when the server has no place left. @throws a `CONN_…` error */
  async acquire(signal: AbortSignal): Promise<Session> {
    while (true) {
      const idle = this.#idle.pop();
      if (idle === undefined) break;
      if (idle.isUsable) return idle;
    }
    const session = await this.#openInTurn(signal);
    try {
      await this.#prove(session, signal);
      return session;
    } catch (error) {
      session.destroy();
      throw error;
    }
  }

  /** Takes back a session that is outside of a transaction; a broken one is dropped. */
  async release(session: Session): Promise<void> {
    if (this.#isDisposed || !session.isUsable || this.#idle.length >= MAX_IDLE) return session[Symbol.asyncDispose]();
    this.#idle.push(session);
    clearTimeout(this.#idleTimer);
    this.#idleTimer = setTimeout(() => void this.#dropIdle(), IDLE_MS);
    this.#idleTimer.unref();
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

  async #dropIdle(): Promise<void> {
    clearTimeout(this.#idleTimer);
    await Promise.all(this.#idle.splice(0).map((session) => session[Symbol.asyncDispose]()));
  }

  /** Other threads and programs hold the places; whoever ends first lets us in. */
  async #openInTurn(signal: AbortSignal): Promise<Session> {
    const { forbiddenDatabase } = this.#options.context;
    if (forbiddenDatabase !== null && !this.#isProved) await this.#refuseForbidden(forbiddenDatabase);
    const giveUpAt = performance.now() + PLACE_LIMIT_MS;
    while (true) {
      try {
        return await openSession(this.#options, signal);
      } catch (error) {
        if (!isFull(error) || performance.now() > giveUpAt) throw error;
        // Unequal waits, or those who wait for each other would meet again and again.
        await sleep(PLACE_DELAY_MS * (1 + Math.random()), undefined, { signal });
      }
    }
  }

  /** What a session must be: no lent one, and not in our own database. The second is asked once. */
  async #prove(session: Session, signal: AbortSignal): Promise<void> {
    const { forbiddenDatabase } = this.#options.context;
    if (session.isPooled) {
      const openSecond = (within: AbortSignal) => openSession(this.#options, within);
      if (!this.#isProved) await refuseTransactionPooling(session, openSecond, this.#name, signal);
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

/** The server, the database or the role has as many sessions as it may have. */
function isFull(error: unknown): boolean {
  return error instanceof SyncError && error.detail.sqlState === '53300';
}

function isLoopback(address: string): boolean {
  return address === '::1' || (isIP(address) === 4 && address.startsWith('127.')) || address.startsWith('::ffff:127.');
}
