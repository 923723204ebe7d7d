import { isIP } from 'node:net';
import type { ConnectorContext, DatabaseAddress } from '../../connector-kit/index.ts';
import { SyncError } from '../../core/index.ts';
import { openSession, type Session, type SessionOptions } from './client.ts';

const MAX_IDLE = 4;

/** Tables that, found together, tell Millrace's metadata database under whatever address it is reached. */
const METADATA_TABLES = ['installation', 'execution_snapshots', 'schema_caches'];

/** The idle sessions of one connector. Each is used by one caller at a time. */
export class SessionPool implements AsyncDisposable {
  readonly #options: SessionOptions & { readonly context: ConnectorContext };
  readonly #idle: Session[] = [];
  #isChecked = false;

  constructor(options: SessionOptions & { readonly context: ConnectorContext }) {
    this.#options = options;
  }

  /** An idle session, or a new one. @throws a `CONN_…` error */
  async acquire(signal: AbortSignal): Promise<Session> {
    while (true) {
      const idle = this.#idle.pop();
      if (idle === undefined) break;
      if (idle.isUsable) return idle;
    }
    const { forbiddenDatabase } = this.#options.context;
    if (forbiddenDatabase !== null && !this.#isChecked) await this.#refuseForbidden(forbiddenDatabase);
    const session = await openSession(this.#options, signal);
    if (forbiddenDatabase !== null && !this.#isChecked) await this.#refuseMetadata(forbiddenDatabase, session, signal);
    this.#isChecked = true;
    return session;
  }

  /** Takes back a session that is outside of a transaction; a broken one is dropped. */
  async release(session: Session): Promise<void> {
    if (session.isUsable && this.#idle.length < MAX_IDLE) this.#idle.push(session);
    else await session[Symbol.asyncDispose]();
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
    await Promise.all(this.#idle.splice(0).map((session) => session[Symbol.asyncDispose]()));
  }

  async #refuseForbidden(forbidden: DatabaseAddress): Promise<void> {
    const { config, context } = this.#options;
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
    session.destroy();
    throw this.#forbidden();
  }

  #forbidden(): SyncError {
    const { hostname, port, database } = this.#options.config;
    return new SyncError(
      'CONN_ADDRESS_REFUSED',
      `${hostname}:${port}/${database} is the database in which Millrace keeps its own records; it is never opened as a connection. Choose another database.`,
    );
  }
}

function isLoopback(address: string): boolean {
  return address === '::1' || (isIP(address) === 4 && address.startsWith('127.')) || address.startsWith('::ffff:127.');
}
