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
  await execute(superuserUrl, `CREATE DATABASE ${name} OWNER ${owner}`);
  return {
    name,
    url: withDatabase(superuserUrl, name),
    ownerUrl: withDatabase(ownerUrl, name),
    async [Symbol.asyncDispose]() {
      await execute(superuserUrl, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
    },
  };
}

async function execute(url: string, sql: string): Promise<void> {
  const client = new pg.Client(url);
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}

function withDatabase(url: string, name: string): string {
  const changed = new URL(url);
  changed.pathname = `/${name}`;
  return changed.href;
}
