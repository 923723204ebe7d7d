import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { expect, it } from 'vitest';
import { leaseFile } from './client.ts';
import { createSession, type Session } from './session.ts';

const MIB = 1024 * 1024;

const used = async (session: Session): Promise<number> => {
  const [row] = await session.rows('SELECT sum(memory_usage_bytes)::bigint AS used FROM duckdb_memory()');
  return Number(row?.used);
};
const limit = (session: Session) => session.rows("SELECT current_setting('memory_limit') AS usual");

it('lets go of what was written, and neither of the records nor of the limit', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'millrace-trim-'));
  try {
    await using lease = await leaseFile(join(folder, 'a.duckdb'));
    const found = await lease.exclusive(
      'Testing',
      async (session) => {
        const usual = await limit(session);
        await session.run('CREATE TABLE t AS SELECT i, md5(i::text) AS word FROM range(1500000) AS r(i)');
        await session.run('CHECKPOINT');
        const before = await used(session);
        await session.trim();
        return {
          usual,
          before,
          after: await used(session),
          limit: await limit(session),
          records: await session.rows('SELECT count(DISTINCT word)::int AS n FROM t'),
        };
      },
      new AbortController().signal,
    );
    expect(found.before).toBeGreaterThan(20 * MIB);
    expect(found.after).toBeLessThanOrEqual(16 * MIB);
    expect(found.limit).toEqual(found.usual);
    expect(found.records).toEqual([{ n: 1_500_000 }]);
  } finally {
    await rm(folder, { recursive: true });
  }
});

it('leaves the limit as it was when the work is cancelled in the middle of trimming', async () => {
  const instance = await DuckDBInstance.create(':memory:', { memory_limit: '100MiB' });
  const connection = await instance.connect();
  try {
    const abort = new AbortController();
    const run = connection.run.bind(connection);
    connection.run = async (sql) => {
      const result = await run(sql);
      if (sql.startsWith('SET memory_limit')) abort.abort();
      return result;
    };
    await createSession(connection, 'Testing', ':memory:', abort.signal).trim();
    expect(abort.signal.aborted).toBe(true);
    const found = await run("SELECT current_setting('memory_limit')");
    expect(await found.getRowsJson()).toEqual([['100.0 MiB']]);
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
});

it('works sparingly with a lower limit, which is gone behind it even when the work fails', async () => {
  const instance = await DuckDBInstance.create(':memory:', { memory_limit: '200MiB' });
  const connection = await instance.connect();
  try {
    const session = createSession(connection, 'Testing', ':memory:', new AbortController().signal);
    expect(await session.sparingly(() => limit(session))).toEqual([{ usual: '96.0 MiB' }]);
    await expect(session.sparingly(() => session.run('SELECT * FROM nothing'))).rejects.toThrow();
    expect(await limit(session)).toEqual([{ usual: '200.0 MiB' }]);
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
});
