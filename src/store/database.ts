import { CamelCasePlugin, Kysely, PostgresDialect, type Transaction } from 'kysely';
import pg from 'pg';
import { SyncError } from '../core/index.ts';
import { migrate } from './migrate.ts';
import { type MasterKeySource, openInstallation, type SecretBox } from './secrets.ts';
import type { Database } from './tables.ts';

/** The metadata database, open and migrated. */
export interface Store {
  readonly db: Kysely<Database>;
  /** For what Kysely cannot say, such as session locks. Identifiers are snake_case there. */
  readonly pool: pg.Pool;
  /** Opens and seals the secrets of connections. */
  readonly secrets: SecretBox;
  /** Key of the obfuscation hash; made once per installation. */
  readonly obfuscationSalt: Buffer;
  /** Runs `work` in one transaction: committed when it returns, rolled back when it throws. Not nestable. */
  transaction<T>(work: (transaction: StoreTransaction) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

/** One open transaction; both members speak in the same session. */
export interface StoreTransaction {
  readonly db: Transaction<Database>;
  /** The session itself, for libraries that bring their own SQL. Never released by its user. */
  readonly client: pg.PoolClient;
}

/** What a store function needs when it works inside and outside a transaction. */
export type StoreDatabase = Kysely<Database>;

export interface StoreOptions {
  readonly url: string;
  readonly masterKey: MasterKeySource;
  readonly maxConnections?: number;
  /** Told about a session that broke while idle. The pool replaces it, so this is a warning. */
  readonly onIdleError?: (error: Error) => void;
}

/**
 * Connects, migrates and checks the master key. Safe when several processes start at once.
 * @throws `METADATA_UNREACHABLE`, `METADATA_NEWER`, `METADATA_DIFFERS`, `MASTER_KEY_MISMATCH`; the driver's own error when
 * the database cannot be opened at all
 */
export async function openStore(options: StoreOptions): Promise<Store> {
  const pool = createPool(options);
  try {
    await migrate(pool);
    const { secrets, obfuscationSalt } = await openInstallation(pool, options.masterKey);
    return {
      db: createKysely(pool),
      pool,
      secrets,
      obfuscationSalt,
      transaction: (work) => runTransaction(pool, work),
      close: () => pool.end(),
    };
  } catch (error) {
    await pool.end();
    throw error;
  }
}

function createPool(options: StoreOptions): pg.Pool {
  const pool = new pg.Pool({
    connectionString: options.url,
    max: options.maxConnections ?? 20,
    application_name: 'millrace',
    connectionTimeoutMillis: 15_000,
  });
  pool.on('error', options.onIdleError ?? (() => {}));
  return pool;
}

function createKysely(pool: Pick<pg.Pool, 'connect' | 'end' | 'options'>): Kysely<Database> {
  return new Kysely<Database>({
    dialect: new PostgresDialect({
      pool: { connect: () => pool.connect(), end: () => pool.end(), options: pool.options },
    }),
    plugins: [new CamelCasePlugin({ maintainNestedObjectKeys: true })],
  });
}

/** Kysely does not show its session, so each transaction gets a Kysely whose pool hands out the session that we know. */
function runTransaction<T>(pool: pg.Pool, work: (transaction: StoreTransaction) => Promise<T>): Promise<T> {
  const sessions: pg.PoolClient[] = [];
  const kysely = createKysely({
    connect: async () => {
      const client = await pool.connect();
      sessions.push(client);
      return client;
    },
    end: async () => {},
    options: pool.options,
  });
  return kysely.transaction().execute((db) => {
    const [client] = sessions;
    if (client === undefined) throw new SyncError('INTERNAL', 'A transaction began without a session.');
    return work({ db, client });
  });
}
