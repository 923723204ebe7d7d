import { CamelCasePlugin, Kysely, PostgresDialect, type Transaction } from 'kysely';
import type pg from 'pg';
import { SyncError } from '../core/index.ts';
import type { MasterKeySource } from './master-key.ts';
import { migrate } from './migrate.ts';
import { type LinkKeys, type ObfuscationKeys, openInstallation, type SecretBox } from './secrets.ts';
import { createSessionPool, type SessionPoolOptions } from './session-pool.ts';
import type { Database } from './tables.ts';

/** The metadata database as one kind of caller may use it. */
export interface ScopedStore {
  readonly db: Kysely<Database>;
  /** For what Kysely cannot say, such as session locks. Identifiers are snake_case there. */
  readonly pool: pg.Pool;
  /** Opens and seals the secrets of connections. */
  readonly secrets: SecretBox;
  readonly obfuscationKeyOf: ObfuscationKeys;
  /** Signs links that open without a key (operations/links). */
  readonly linkKeyOf: LinkKeys;
  /** Runs `work` in one transaction: committed when it returns, rolled back when it throws. Not nestable. */
  transaction<T>(work: (transaction: StoreTransaction) => Promise<T>): Promise<T>;
  /**
   * The same without the second lock between organizations, for what lies over their border by its nature, such as shared
   * connections. Every query inside names the organizations that it may touch, which were checked before.
   */
  acrossOrganizations<T>(work: (transaction: StoreTransaction) => Promise<T>): Promise<T>;
}

/** The metadata database, open and migrated, with every organization in sight. */
export interface Store extends ScopedStore {
  /** The same database where `db` and `transaction` see and write one organization's rows only (row-level security). */
  forOrganization(organizationId: string): ScopedStore;
  /** The same where every statement and transaction waits for the check before it begins; `pool` does not. */
  guarded(check: () => Promise<void>): Store;
  /** How busy its pools are: `system`, and `organization` for sessions that name one. */
  sessions(): readonly SessionFacts[];
  close(): Promise<void>;
}

/** One pool of sessions at one moment. */
export interface SessionFacts {
  readonly pool: string;
  readonly busy: number;
  readonly idle: number;
  /** Callers that wait for a session. */
  readonly waiting: number;
  readonly allowed: number;
}

/** One open transaction; both members speak in the same session. */
export interface StoreTransaction {
  readonly db: Transaction<Database>;
  /** The session itself, for libraries that bring their own SQL. Never released by its user. */
  readonly client: pg.PoolClient;
}

/** What a store function needs when it works inside and outside a transaction. */
export type StoreDatabase = Kysely<Database>;

export interface StoreOptions extends SessionPoolOptions {
  readonly masterKey: MasterKeySource;
}

/**
 * Connects, migrates and checks the master key. Safe when several processes start at once.
 * @throws `METADATA_UNREACHABLE`, `METADATA_NEWER`, `METADATA_DIFFERS`, `MASTER_KEY_MISMATCH`; the driver's own error when
 * the database cannot be opened at all
 */
export async function openStore(options: StoreOptions): Promise<Store> {
  const pool = createSessionPool(options);
  // Sessions that name an organization never serve those who must see all of them.
  const scopedPool = createSessionPool(options);
  const close = async (): Promise<void> => {
    await Promise.all([pool.end(), scopedPool.end()]);
  };
  try {
    await migrate(pool);
    const { secrets, obfuscationKeyOf, linkKeyOf } = await openInstallation(pool, options.masterKey);
    const scope = (sessions: Sessions): ScopedStore => ({
      db: createKysely(sessions),
      pool,
      secrets,
      obfuscationKeyOf,
      linkKeyOf,
      transaction: (work) => runTransaction(sessions, work),
      acrossOrganizations: (work) => runTransaction(pool, work),
    });
    const forOrganization = (organizationId: string): ScopedStore => scope(sessionsOf(scopedPool, organizationId));
    const sessions = () => [countSessions('system', pool), countSessions('organization', scopedPool)];
    const guarded = (check: () => Promise<void>): Store => ({
      ...scope(sessionsBehind(pool, check)),
      forOrganization,
      guarded,
      sessions,
      close,
    });
    return { ...scope(pool), forOrganization, guarded, sessions, close };
  } catch (error) {
    await close();
    throw error;
  }
}

function countSessions(name: string, { totalCount, idleCount, waitingCount, options }: pg.Pool): SessionFacts {
  return {
    pool: name,
    busy: totalCount - idleCount,
    idle: idleCount,
    waiting: waitingCount,
    allowed: options.max,
  };
}

/** Where sessions come from. */
type Sessions = { connect(): Promise<pg.PoolClient>; readonly options: object };

/** What each session names, so that it is said again only where a session changes hands; nothing else ever sets it. */
const namedOrganizations = new WeakMap<pg.PoolClient, string>();

/** Sessions that name one organization, which row-level security then holds them to. */
function sessionsOf(pool: pg.Pool, organizationId: string): Sessions {
  return {
    options: pool.options,
    connect: async () => {
      const client = await pool.connect();
      if (namedOrganizations.get(client) === organizationId) return client;
      try {
        namedOrganizations.delete(client);
        await client.query("SELECT set_config('millrace.organization_id', $1, false)", [organizationId]);
        namedOrganizations.set(client, organizationId);
        return client;
      } catch (error) {
        client.release(true);
        throw error;
      }
    },
  };
}

function sessionsBehind(pool: pg.Pool, check: () => Promise<void>): Sessions {
  return {
    options: pool.options,
    connect: async () => {
      await check();
      return pool.connect();
    },
  };
}

function createKysely(sessions: Sessions): Kysely<Database> {
  return new Kysely<Database>({
    dialect: new PostgresDialect({
      pool: { connect: () => sessions.connect(), end: async () => {}, options: sessions.options },
    }),
    plugins: [new CamelCasePlugin({ maintainNestedObjectKeys: true })],
  });
}

/** The metadata database through one session that the caller keeps. */
export function databaseOf(client: pg.Client): Kysely<Database> {
  const session = Object.assign(client, { release: () => {} });
  // A pool's client is one with `release`.
  return createKysely({ options: {}, connect: async () => session as unknown as pg.PoolClient });
}

/** Kysely does not show its session, so each transaction gets a Kysely whose pool hands out the session that we know. */
function runTransaction<T>(sessions: Sessions, work: (transaction: StoreTransaction) => Promise<T>): Promise<T> {
  const taken: pg.PoolClient[] = [];
  const kysely = createKysely({
    options: sessions.options,
    connect: async () => {
      const client = await sessions.connect();
      taken.push(client);
      return client;
    },
  });
  return kysely.transaction().execute((db) => {
    const [client] = taken;
    if (client === undefined) throw new SyncError('INTERNAL', 'A transaction began without a session.');
    return work({ db, client });
  });
}
