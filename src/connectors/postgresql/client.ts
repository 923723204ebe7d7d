import type pg from 'pg';
import type { ConnectorContext } from '../../connector-kit/index.ts';
import { SyncError } from '../../core/index.ts';
import type { Chunk, WireFormat } from '../../formats/index.ts';
import { sendCancel } from './client/cancel.ts';
import { CopyIn } from './client/copy-in.ts';
import { CopyOut } from './client/copy-out.ts';
import {
  CONNECT_TIMEOUT_MS,
  connectDriver,
  createDriver,
  type DriverInternals,
  internalsOf,
  type SessionFacts,
  type StreamedColumn,
  streamRecords,
  type TakeRecord,
  type TextRow,
} from './client/driver.ts';
import type { Endpoint, Route } from './client/route.ts';
import { SETTINGS } from './client/settings.ts';
import { QUESTION, type SessionState, SilenceWatch, toSessionState } from './client/silence.ts';
import { toTlsOptions } from './client/tls.ts';
import type { PostgresqlConfig } from './config.ts';
import { type Side, toSyncError } from './errors.ts';

export type { StreamedColumn, TextRow };

type TextResult = pg.QueryResult<TextRow>;

/** How a connector opens its sessions. */
export interface SessionOptions {
  readonly config: PostgresqlConfig;
  readonly context: Pick<ConnectorContext, 'applicationName' | 'credit'>;
  readonly side: Side;
  readonly route: Route;
  /** Between two looks at a session that waits for an answer. */
  readonly lookMs?: number;
}

/** Beyond this nobody waits for a server's goodbye. */
const GOODBYE_MS = 2_000;
const OLDEST_VERSION = 120_000;

/** Opens one session, pinned to the address that was checked. @throws a `CONN_…` error */
export async function openSession(options: SessionOptions, signal: AbortSignal): Promise<Session> {
  signal.throwIfAborted();
  const endpoint = await options.route.open(signal);
  const client = createDriver(options.config, endpoint, options.context.applicationName);
  const session = new Session(client, options, endpoint);
  await session.connect(signal);
  return session;
}

/**
 * One session, used by one caller at a time. An aborted call ends the session: the server is told to cancel and the
 * socket is closed, so nothing waits for the other side.
 */
export class Session implements AsyncDisposable {
  readonly #client: pg.Client;
  readonly #options: SessionOptions;
  readonly #endpoint: Endpoint;
  #watch: SilenceWatch | undefined;
  /** Why the session counts as dead although nobody closed it. */
  #silence: string | null = null;
  #copy: CopyOut | null = null;
  #isBroken = false;
  #running = 0;
  #calls = 0;
  /** Fulfilled when the server was told that we leave; null: nobody has begun to. */
  #goodbye: Promise<void> | null = null;
  #facts: SessionFacts = { pid: '', startedAt: '', version: 0 };

  /** Fulfilled when the server has let go of a session that was closed; before, at once. */
  ended: Promise<void> = Promise.resolve();

  constructor(client: pg.Client, options: SessionOptions, endpoint: Endpoint) {
    this.#client = client;
    this.#options = options;
    this.#endpoint = endpoint;
    // Without a listener an idle session that the server ends would end the process.
    client.on('error', () => {
      this.#isBroken = true;
    });
  }

  /** Process id of the server's backend, as text. */
  get pid(): string {
    return this.#facts.pid;
  }

  /** When that backend started, as the server prints it; with `pid` it names one session for ever. */
  get startedAt(): string {
    return this.#facts.startedAt;
  }

  /** The server's `server_version_num`, such as 180004. */
  get version(): number {
    return this.#facts.version;
  }

  /** What it is called in the server's list, where it says nothing more of itself. */
  get name(): string {
    return this.#options.context.applicationName;
  }

  /** False after a broken socket or an abort; such a session takes no further call. */
  get isUsable(): boolean {
    return !this.#isBroken;
  }

  /** True while a statement runs. */
  get isBusy(): boolean {
    return this.#running > 0;
  }

  /** True where another backend answers than the one that greeted us: a pooler stands in between. */
  get isPooled(): boolean {
    return this.pid !== String(this.#internals.processID);
  }

  /** Called once by `openSession`. A pooled session has not got its settings yet: they could become somebody else's. */
  async connect(signal: AbortSignal): Promise<void> {
    await this.#guard('Opening a session', signal, async () => {
      this.#facts = await connectDriver(this.#client);
    });
    this.#watch = this.#watchSilence();
    if (this.version < OLDEST_VERSION) await this.#refuseVersion();
  }

  /** Gives a pooled session its settings, once it is known to keep them. */
  async applySettings(signal: AbortSignal): Promise<void> {
    await this.script('Opening a session', SETTINGS, signal);
  }

  /** Runs one statement. `action` begins the sentence of its error, such as `Reading the tables`. */
  async query(
    action: string,
    sql: string,
    values: readonly unknown[],
    signal: AbortSignal,
  ): Promise<readonly TextRow[]> {
    return (await this.#run(action, sql, values, signal)).rows;
  }

  /** Runs one statement and answers how many records it touched. */
  async execute(action: string, sql: string, values: readonly unknown[], signal: AbortSignal): Promise<number> {
    return (await this.#run(action, sql, values, signal)).rowCount ?? 0;
  }

  /** Runs statements without parameters, as one transaction unless they hold their own. Answers the records of the last one. */
  async script(action: string, sql: string, signal: AbortSignal): Promise<readonly TextRow[]> {
    // Several results where there are several statements, which the driver's types do not say.
    const results: TextResult | TextResult[] = await this.#guard(action, signal, () => this.#client.query(sql));
    return (Array.isArray(results) ? results.at(-1) : results)?.rows ?? [];
  }

  /** Runs exactly one statement, whoever wrote it: the server refuses a text that holds several. */
  async executeOne(action: string, sql: string, signal: AbortSignal): Promise<void> {
    const query = { text: sql, queryMode: 'extended' };
    await this.#guard(action, signal, () => this.#client.query(query));
  }

  /**
   * Records of one statement as they come, every value as text, until `take` wants no more; then the session ends, since the
   * rest is on its way already. Answers the columns.
   */
  stream(action: string, sql: string, take: TakeRecord, signal: AbortSignal): Promise<readonly StreamedColumn[]> {
    return this.#guard(action, signal, () => streamRecords(this.#client, sql, take, () => this.destroy()));
  }

  /** Chunks of a COPY … TO STDOUT. Stopping early ends the session. */
  async *copyOut(
    action: string,
    sql: string,
    format: WireFormat,
    signal: AbortSignal,
  ): AsyncGenerator<Chunk, void, undefined> {
    signal.throwIfAborted();
    const copy = new CopyOut(this.#stream, sql, format, this.#options.context.credit);
    this.#copy = copy;
    this.#calls += 1;
    const stop = () => {
      this.destroy();
      copy.abort(toAbortError(signal));
    };
    signal.addEventListener('abort', stop, { once: true });
    try {
      yield* copy.chunks();
    } catch (error) {
      throw this.#toError(error, action, signal);
    } finally {
      this.#copy = null;
      signal.removeEventListener('abort', stop);
      if (!copy.isClean) this.destroy();
    }
  }

  /** Begins a COPY … FROM STDIN; write, then `end`. */
  async copyIn(action: string, sql: string, format: WireFormat, signal: AbortSignal): Promise<CopyTarget> {
    const copy = new CopyIn(this.#stream, sql, format);
    const step = (work: () => Promise<void>, stepSignal: AbortSignal) =>
      this.#guardCopy(action, copy, stepSignal, work);
    await step(() => copy.start(), signal);
    return {
      write: (chunk, writeSignal) => step(() => copy.write(chunk), writeSignal),
      end: (endSignal) => step(() => copy.end(), endSignal),
    };
  }

  /** Tells the server to stop what it does and closes the socket at once. Safe to call twice, and behind a goodbye. */
  destroy(): void {
    if (this.#isBroken && this.#stream.destroyed) return;
    this.#isBroken = true;
    this.#watch?.[Symbol.dispose]();
    // Only an idle session says goodbye.
    if (this.#goodbye === null) this.#sendCancel();
    this.#stream.destroy();
  }

  /**
   * Closes the session in order: returns when the server was told. Its process then takes up to a tenth of a second to end,
   * which `ended` tells. Safe to call twice. One that is at work is destroyed.
   */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#goodbye !== null) return this.#goodbye;
    if (this.#isBroken || this.isBusy || this.#copy !== null) return this.destroy();
    this.#goodbye = this.#sayGoodbye();
    return this.#goodbye;
  }

  async #sayGoodbye(): Promise<void> {
    this.#isBroken = true;
    this.#watch?.[Symbol.dispose]();
    const stream = this.#stream;
    const late = setTimeout(() => stream.destroy(), GOODBYE_MS);
    const told = new Promise<void>((resolve) => stream.once('finish', resolve));
    this.ended = this.#client
      .end()
      .catch(() => void stream.destroy())
      .finally(() => clearTimeout(late));
    await Promise.race([told, this.ended]);
  }

  get #stream(): DriverInternals['connection']['stream'] {
    return this.#internals.connection.stream;
  }

  get #internals(): DriverInternals {
    return internalsOf(this.#client);
  }

  #run(action: string, sql: string, values: readonly unknown[], signal: AbortSignal): Promise<TextResult> {
    return this.#guard(action, signal, () => this.#client.query<TextRow>(sql, [...values]));
  }

  async #guard<Result>(action: string, signal: AbortSignal, work: () => Promise<Result>): Promise<Result> {
    signal.throwIfAborted();
    const stop = () => this.destroy();
    signal.addEventListener('abort', stop, { once: true });
    this.#running += 1;
    this.#calls += 1;
    try {
      return await work();
    } catch (error) {
      throw this.#toError(error, action, signal);
    } finally {
      this.#running -= 1;
      signal.removeEventListener('abort', stop);
    }
  }

  async #guardCopy(action: string, copy: CopyIn, signal: AbortSignal, work: () => Promise<void>): Promise<void> {
    const stop = () => copy.abort(toAbortError(signal));
    signal.addEventListener('abort', stop, { once: true });
    try {
      await this.#guard(action, signal, work);
    } finally {
      signal.removeEventListener('abort', stop);
    }
  }

  #toError(error: unknown, action: string, signal: AbortSignal): unknown {
    if (signal.aborted) return toAbortError(signal);
    const found = this.#silence === null ? error : new Error(`connection error: ${this.#silence}`);
    const translated = toSyncError(found, { action, address: this.#name, side: this.#options.side });
    if (translated.code === 'CONN_LOST') this.#isBroken ||= this.#stream.destroyed;
    return translated;
  }

  #watchSilence(): SilenceWatch {
    const isWaiting = () => this.#running > 0 || this.#copy?.isWaiting === true;
    const look = () => ({ call: isWaiting() ? this.#calls : null, bytesRead: this.#stream.bytesRead ?? 0 });
    const probe = () => this.#askAfter(AbortSignal.timeout(CONNECT_TIMEOUT_MS));
    const onDead = (reason: string) => {
      this.#silence = reason;
      this.destroy();
    };
    return new SilenceWatch({ look, probe, onDead }, this.#options.lookMs);
  }

  /** What the server says of this session, on another one. */
  async #askAfter(signal: AbortSignal): Promise<SessionState | null> {
    try {
      await using other = await openSession(this.#options, signal);
      const found = await other.query('Asking after a session', QUESTION, [this.pid, this.startedAt], signal);
      return found[0] === undefined ? null : toSessionState(found[0]);
    } catch (error) {
      // A server that has no place for us is alive.
      if (error instanceof SyncError && error.detail.sqlState !== undefined) return { state: 'active', wait: null };
      throw error;
    }
  }

  get #name(): string {
    const { hostname, port, database } = this.#options.config;
    return `${hostname}:${port}/${database}`;
  }

  async #refuseVersion(): Promise<never> {
    await this[Symbol.asyncDispose]();
    throw new SyncError(
      'CONN_VERSION_UNSUPPORTED',
      `${this.#name} is PostgreSQL ${Math.floor(this.version / 10_000)}; version 12 or later is needed.`,
    );
  }

  #sendCancel(): void {
    const { processID: processId, secretKey } = this.#internals;
    if (processId) sendCancel(this.#endpoint, toTlsOptions(this.#options.config), { processId, secretKey });
  }
}

/** A COPY … FROM STDIN that takes data. */
export interface CopyTarget {
  write(chunk: Pick<Chunk, 'payload'>, signal: AbortSignal): Promise<void>;
  end(signal: AbortSignal): Promise<void>;
}

function toAbortError(signal: AbortSignal): Error {
  return signal.reason instanceof Error ? signal.reason : new SyncError('CANCELED', 'The work was cancelled.');
}
