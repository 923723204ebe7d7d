import { chownSync, mkdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { createLogger, type EmbeddedPostgres, startEmbeddedPostgres } from '../../src/runtime/index.ts';
import { FaultProxy } from '../setup/fault-proxy.ts';
import { createTestHome, type TestHome } from '../setup/millrace.ts';

/** As little as a computer that does not lose power needs: it is programs that die here. */
const SETTINGS = { full_page_writes: 'off', max_wal_size: '4GB' };

const RESTART_ATTEMPTS = 20;

/** A PostgreSQL of the user's that can die and come back. Its addresses stay the same, because two proxies stand before it. */
export class TortureServer implements AsyncDisposable {
  readonly #home: TestHome;
  readonly #environment: Readonly<Record<string, string>>;
  #server: EmbeddedPostgres;
  #isKilled = false;
  /** The way of Millrace: what happens to its network happens here. */
  readonly proxy: FaultProxy;
  /** The way of writers and comparisons, on which nothing happens but the server's own deaths. */
  readonly #straight: FaultProxy;

  private constructor(
    home: TestHome,
    server: EmbeddedPostgres,
    environment: Readonly<Record<string, string>>,
    [proxy, straight]: readonly [FaultProxy, FaultProxy],
  ) {
    this.#home = home;
    this.#server = server;
    this.#environment = environment;
    this.proxy = proxy;
    this.#straight = straight;
  }

  /** Starts it; dispose it. @param environment of its processes, such as a library to load first */
  static async start(environment: Readonly<Record<string, string>> = {}): Promise<TortureServer> {
    const home = await createTestHome();
    const server = await startIn(home, environment);
    await askAs(server.superuserUrl, 'ALTER SYSTEM SET fsync = off');
    await askAs(server.superuserUrl, 'SELECT pg_reload_conf()');
    const proxies = [await FaultProxy.open(server.url), await FaultProxy.open(server.url)] as const;
    return new TortureServer(home, server, environment, proxies);
  }

  /** As superuser. */
  get superuserUrl(): string {
    return this.#straight.through(this.#server.superuserUrl);
  }

  /** As the ordinary user that Millrace is. */
  get ownerUrl(): string {
    return this.#straight.through(this.#server.url);
  }

  /** One statement as superuser. */
  ask(sql: string, values: readonly unknown[] = []): Promise<readonly unknown[][]> {
    return askAs(this.superuserUrl, sql, values);
  }

  /** A tablespace in a new folder of that one. */
  async makeTablespace(name: string, folder: string): Promise<void> {
    const location = join(folder, 'space');
    mkdirSync(location, { mode: 0o700 });
    const [row] = await this.ask(`SELECT current_setting('data_directory')`);
    const { uid, gid } = statSync(String(row?.[0]));
    chownSync(location, uid, gid);
    await this.ask(`CREATE TABLESPACE ${name} LOCATION '${location}'`);
    await this.ask(`GRANT CREATE ON TABLESPACE ${name} TO PUBLIC`);
  }

  /** Whether it waits for the disk. */
  async setFsync(isOn: boolean): Promise<void> {
    await this.ask(`ALTER SYSTEM SET fsync = ${isOn ? 'on' : 'off'}`);
    await this.ask('SELECT pg_reload_conf()');
  }

  /** kill -9 of one process that serves a session: PostgreSQL ends all of them and recovers. False when there was none. */
  async crash(): Promise<boolean> {
    const rows = await this.ask(
      `SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()
       ORDER BY application_name LIKE 'millrace%' DESC LIMIT 1`,
    );
    const pid = Number(rows[0]?.[0] ?? 0);
    if (pid > 0) process.kill(pid, 'SIGKILL');
    return pid > 0;
  }

  /** kill -9 of the server itself. */
  kill(): void {
    this.#isKilled = this.#home.killPostgres();
  }

  /** Starts it again when it is gone, and waits until it takes sessions. */
  async revive(): Promise<void> {
    for (let attempt = 1; ; attempt += 1) {
      const isAlive = await this.ask('SELECT 1').then(
        () => true,
        () => false,
      );
      if (isAlive) return;
      if (attempt > RESTART_ATTEMPTS) throw new Error('The test’s own PostgreSQL did not come back.');
      await delay(200);
      // One that recovers by itself is left to do so for a while.
      if (this.#isKilled || attempt > 10) await this.#startAgain().catch(() => {});
    }
  }

  async #startAgain(): Promise<void> {
    await this.#server.stop();
    this.#server = await startIn(this.#home, this.#environment);
    this.proxy.retarget(this.#server.url);
    this.#straight.retarget(this.#server.url);
    this.#isKilled = false;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.proxy[Symbol.asyncDispose]();
    await this.#straight[Symbol.asyncDispose]();
    await this.#server.stop();
    await this.#home[Symbol.asyncDispose]();
  }
}

/** A server takes over the environment of who starts it. */
async function startIn(home: TestHome, environment: Readonly<Record<string, string>>): Promise<EmbeddedPostgres> {
  Object.assign(process.env, environment);
  try {
    return await startEmbeddedPostgres({
      home: home.folder,
      name: 'torture',
      settings: SETTINGS,
      log: createLogger({ level: 'silent' }),
    });
  } finally {
    for (const name of Object.keys(environment)) delete process.env[name];
  }
}

async function askAs(url: string, sql: string, values: readonly unknown[] = []): Promise<readonly unknown[][]> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5_000 });
  client.on('error', () => {
    // The statement reports it.
  });
  try {
    await client.connect();
    const { rows } = await client.query<unknown[]>({ text: sql, rowMode: 'array', values: [...values] });
    return rows;
  } finally {
    await client.end().catch(() => {});
  }
}
