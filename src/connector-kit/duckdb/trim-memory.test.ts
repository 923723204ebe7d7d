import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { leaseFile } from './client.ts';
import type { Session } from './session.ts';
import { trimMemory } from './trim-memory.ts';

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
        await trimMemory(session);
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
