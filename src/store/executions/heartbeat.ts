import { sql } from 'kysely';
import pg from 'pg';
import { databaseOf, type StoreDatabase } from '../database.ts';
import { beat } from './workers.ts';

/** Longer than a busy machine takes, and short enough to try again before anybody is declared dead. */
const LIMIT_MS = 1_500;
/** Notifications do not leave their database, so one name is enough. */
const CHANNEL = 'millrace_work';

/** Tells every living worker, once the transaction commits, that there is work on a queue. */
export async function announceWork(db: StoreDatabase): Promise<void> {
  await sql`SELECT pg_notify(${CHANNEL}, '')`.execute(db);
}

/**
 * Tells the metadata database that a worker lives, and hears from it that there is work. It has a session of its own:
 * neither a pool that has run dry nor a session whose network is gone may hold it up.
 */
export class Heartbeat implements AsyncDisposable {
  readonly #url: string;
  readonly #workerId: string;
  #client: pg.Client | null = null;
  /** Called for each announcement, and for those that may have been missed before a session was open. */
  onWork: () => void = () => {};

  constructor(url: string, workerId: string) {
    this.#url = url;
    this.#workerId = workerId;
  }

  /**
   * One beat, and the database's time of it. Null: the worker was declared dead, for good.
   * @throws the driver's error, or one of ours when there was no answer in time; the next call opens another session
   */
  async beat(): Promise<Date | null> {
    const late = Promise.withResolvers<never>();
    const timer = setTimeout(() => late.reject(new Error(`no answer within ${LIMIT_MS} ms`)), LIMIT_MS);
    try {
      return await Promise.race([this.#beat(), late.promise]);
    } catch (error) {
      this.#drop();
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#drop();
  }

  async #beat(): Promise<Date | null> {
    const client = this.#client ?? (await this.#connect());
    return beat(databaseOf(client), this.#workerId);
  }

  async #connect(): Promise<pg.Client> {
    const client = new pg.Client({
      connectionString: this.#url,
      application_name: 'millrace heartbeat',
      connectionTimeoutMillis: LIMIT_MS,
    });
    // Without a listener an idle session that the server ends would end the process; the next beat finds out.
    client.on('error', () => {
      if (this.#client === client) this.#client = null;
    });
    client.on('notification', () => this.onWork());
    await client.connect();
    this.#client = client;
    await client.query(`LISTEN ${CHANNEL}`);
    // For what was announced while nobody listened.
    this.onWork();
    return client;
  }

  // In the middle of a statement `end` closes the socket at once.
  #drop(): void {
    const client = this.#client;
    this.#client = null;
    void client?.end().catch(() => {});
  }
}
