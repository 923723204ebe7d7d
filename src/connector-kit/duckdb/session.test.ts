import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { leaseFile } from './client.ts';
import { type OpenFile, openFile } from './open-file.ts';
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

describe('a limit', () => {
  let folder: string;
  let file: OpenFile;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'millrace-limit-'));
    file = await openFile(join(folder, 'a.duckdb'), { isReadOnly: false, memoryBytes: 2.9 * 1024 * MIB, folder });
  });
  afterEach(async () => {
    await file.close();
    await rm(folder, { recursive: true });
  });
  const open = (signal: AbortSignal, setMemory = file.setMemory) =>
    createSession({ connection: file.connection, setMemory }, 'Testing', 'a.duckdb', signal);
  const never = new AbortController().signal;

  it('is as it was when the work is cancelled in the middle of trimming', async () => {
    const abort = new AbortController();
    const setMemory: OpenFile['setMemory'] = async (mebibytes) => {
      await file.setMemory(mebibytes);
      abort.abort();
    };
    const usual = await limit(open(never));
    await open(abort.signal, setMemory).trim();
    expect(abort.signal.aborted).toBe(true);
    expect(await limit(open(never))).toEqual(usual);
  });

  it('does not become less with each trim', async () => {
    const session = open(never);
    const usual = await limit(session);
    for (let i = 0; i < 5; i += 1) await session.trim();
    expect(await limit(session)).toEqual(usual);
  });

  it('is low for work that is done sparingly, and usual behind it', async () => {
    const session = open(never);
    expect(await session.sparingly(() => limit(session))).toEqual([{ usual: '96.0 MiB' }]);
    expect(await limit(session)).toEqual([{ usual: '2.8 GiB' }]);
  });

  it('is usual behind work that has too little of it, in the middle of a transaction', async () => {
    const session = open(never);
    const greedy = "SELECT list(repeat('x', 1000) || i) AS l FROM range(1000000) AS r(i)";
    await expect(session.transaction(() => session.sparingly(() => session.run(greedy)))).rejects.toMatchObject({
      code: 'MEMORY_EXHAUSTED',
    });
    expect(await limit(session)).toEqual([{ usual: '2.8 GiB' }]);
  });
});
