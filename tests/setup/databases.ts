import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { inject } from 'vitest';

/** A fresh, empty database on the tests' PostgreSQL. Dropping it ends every session in it. */
export interface TestDatabase extends AsyncDisposable {
  readonly name: string;
  /** As superuser. */
  readonly url: string;
  /** As its owner, an ordinary user whom row-level security binds. */
  readonly ownerUrl: string;
}

/** Every test file makes its own, so that files run side by side. Use with `await using`, or dispose in `afterAll`. */
export async function createTestDatabase(): Promise<TestDatabase> {
  const superuserUrl = inject('postgresSuperuserUrl');
  const ownerUrl = inject('postgresOwnerUrl');
  const name = `test_${randomBytes(6).toString('hex')}`;
  const owner = new URL(ownerUrl).username;
  // The other way goes through the write-ahead log, and costs four times as much to make and to drop.
  await queryDatabase(superuserUrl, `CREATE DATABASE ${name} OWNER ${owner} STRATEGY file_copy`);
  return {
    name,
    url: withDatabase(superuserUrl, name),
    ownerUrl: withDatabase(ownerUrl, name),
    async [Symbol.asyncDispose]() {
      await queryDatabase(superuserUrl, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
    },
  };
}

/** Runs statements in a session of their own, and answers the rows of the last one. */
export async function queryDatabase(url: string, sql: string, values?: readonly unknown[]): Promise<unknown[][]> {
  const client = new pg.Client(url);
  await client.connect();
  try {
    const given = values === undefined ? {} : { values: [...values] };
    const results: unknown = await client.query({ text: sql, rowMode: 'array', ...given });
    // Several statements are answered by a list of results.
    const last: unknown = Array.isArray(results) ? results.at(-1) : results;
    return (last as pg.QueryArrayResult<unknown[]>).rows;
  } finally {
    await client.end();
  }
}

/** A query that finds a row while another session waits for what this one has locked. */
export const WAITING_FOR_US =
  'SELECT 1 FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid))';

/** A pool whose database may be dropped while its last sessions are still closing, which it is told then. */
export function createTestPool(url: string, max = 2): pg.Pool {
  const pool = new pg.Pool({ connectionString: url, max });
  pool.on('connect', (client) => void client.on('error', () => {}));
  pool.on('error', () => {});
  return pool;
}

function withDatabase(url: string, name: string): string {
  const changed = new URL(url);
  changed.pathname = `/${name}`;
  return changed.href;
}
