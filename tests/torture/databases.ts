import pg from 'pg';
import { fillSource, TORTURE_TABLES } from './source-tables.ts';

/** A PostgreSQL server that is not Millrace's own, as superuser and as an ordinary user. */
export interface DatabaseServer {
  readonly superuserUrl: string;
  readonly ownerUrl: string;
}

/** Databases of the runs on that server. Addresses may change between two calls. */
export class RunDatabases implements AsyncDisposable {
  readonly #server: DatabaseServer;
  readonly #size: number;
  readonly #templates = new Map<boolean, string>();
  readonly #made = new Set<string>();
  readonly #prefix: string;

  /** @param prefix keeps the databases of test files on one server apart */
  constructor(server: DatabaseServer, size: number, prefix: string) {
    this.#server = server;
    this.#size = size;
    this.#prefix = prefix;
  }

  /** A source full of tables, a copy of one that is made only once. @returns its URL */
  async makeSource(name: string, isWide: boolean): Promise<string> {
    const template = this.#templates.get(isWide) ?? (await this.#makeTemplate(isWide));
    this.#templates.set(isWide, template);
    return this.#create(name, `TEMPLATE ${template} STRATEGY file_copy`);
  }

  /** An empty database. @returns its URL */
  makeEmpty(name: string, tablespace?: string): Promise<string> {
    return this.#create(name, tablespace === undefined ? '' : `TABLESPACE ${tablespace}`);
  }

  async drop(url: string): Promise<void> {
    const name = new URL(url).pathname.slice(1);
    await this.#asSuperuser(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
    this.#made.delete(name);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const name of [...this.#made]) await this.drop(`postgresql://x/${name}`);
  }

  async #makeTemplate(isWide: boolean): Promise<string> {
    const url = await this.#create(isWide ? 'wide' : 'narrow', '');
    // To promise that no late commit is missed, the reader must see when other sessions' transactions began.
    await this.#asSuperuser(`GRANT pg_read_all_stats TO ${new URL(this.#server.ownerUrl).username}`);
    const client = new pg.Client(url);
    await client.connect();
    const without = isWide ? 'accounts' : 'wide';
    await fillSource(
      client,
      TORTURE_TABLES.filter((table) => table.name !== without),
      this.#size,
    );
    await client.end();
    return new URL(url).pathname.slice(1);
  }

  async #create(name: string, how: string): Promise<string> {
    const full = `${this.#prefix}_${name}`;
    const owner = new URL(this.#server.ownerUrl).username;
    await this.#asSuperuser(`DROP DATABASE IF EXISTS ${full} WITH (FORCE)`);
    await this.#asSuperuser(`CREATE DATABASE ${full} OWNER ${owner} ${how}`);
    this.#made.add(full);
    const url = new URL(this.#server.ownerUrl);
    url.pathname = `/${full}`;
    return url.href;
  }

  async #asSuperuser(sql: string): Promise<void> {
    const client = new pg.Client(this.#server.superuserUrl);
    await client.connect();
    try {
      await client.query(sql);
    } finally {
      await client.end();
    }
  }
}
