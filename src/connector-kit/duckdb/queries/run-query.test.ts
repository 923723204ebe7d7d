import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { queryFile } from '../../../../tests/setup/duckdb/duckdb-loads.ts';
import type { FoundRecords, ReadLimits } from '../../models.ts';
import { leaseFile } from '../client.ts';
import { runQuery } from './run-query.ts';

const LIMITS: ReadLimits = { maxRecords: 10, maxBytes: 1_000_000, timeoutMs: 30_000 };
const NEVER = new AbortController().signal;
let folder: string;
let path: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'millrace-query-'));
  path = join(folder, 'shop.duckdb');
  await writeFile(join(folder, 'secret.csv'), 'a,b\n1,2\n');
  await queryFile(
    path,
    `CREATE TABLE orders AS SELECT n AS id, n * 1.5::DECIMAL(10,2) AS total, 'o' || n AS name, [n] AS list,
       9007199254740993 AS big, TIMESTAMP '2026-01-02 03:04:05' AS at, n % 2 = 0 AS even, '{"n": 1}'::JSON AS facts
     FROM range(1, 101) t(n)`,
  );
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const ask = (text: string, limits: Partial<ReadLimits> = {}, signal: AbortSignal = NEVER): Promise<FoundRecords> =>
  runQuery(path, text, { ...LIMITS, ...limits }, signal);

describe('a query on a DuckDB file', () => {
  it('finds records as JSON, without a rounded number, within the limit', async () => {
    const found = await ask('SELECT *, id FROM orders ORDER BY id', { maxRecords: 1 });
    expect(found.fields.map(({ name, type, remoteType }) => [name, type, remoteType])).toEqual([
      ['id', 'number', 'BIGINT'],
      ['total', 'number', expect.stringContaining('DECIMAL')],
      ['name', 'string', 'VARCHAR'],
      ['list', 'array', 'BIGINT[]'],
      ['big', 'number', 'BIGINT'],
      ['at', 'datetime', 'TIMESTAMP'],
      ['even', 'boolean', 'BOOLEAN'],
      ['facts', 'object', 'JSON'],
      ['id_2', 'number', 'BIGINT'],
    ]);
    expect(found.records).toMatchObject([
      { id: 1, name: 'o1', big: '9007199254740993', at: '2026-01-02 03:04:05', even: false, facts: { n: 1 }, id_2: 1 },
    ]);
    expect(found.isComplete).toBe(false);
  });

  it('tells fields without reading, and ends at the limit of bytes', async () => {
    const fields = await ask("SELECT error('never') AS one", { maxRecords: 0 });
    expect(fields).toMatchObject({ fields: [{ name: 'one' }], records: [], isComplete: true });
    const wide = "SELECT repeat('x', 1000) FROM range(100000)";
    const few = await ask(wide, { maxRecords: 100_000, maxBytes: 20_000 });
    expect([few.records.length, few.isComplete]).toEqual([19, false]);
  });

  it.each([
    ['two statements', 'SELECT 1; SELECT 2'],
    ['a statement that writes', 'DELETE FROM orders'],
    ['another file', `SELECT * FROM '${'FOLDER'}/secret.csv'`],
    ['a file by function', `SELECT * FROM read_text('${'FOLDER'}/secret.csv')`],
    ['an export', `COPY orders TO '${'FOLDER'}/out.csv'`],
    ['a setting', 'SET enable_external_access = true'],
    ['an unknown table', 'SELECT * FROM nothing'],
    ['a value that does not fit', 'SELECT name::INTEGER FROM orders'],
    ['too much memory', 'SELECT list(a.name || b.name || c.name) FROM orders a, orders b, orders c, range(100)'],
  ])('is refused for %s', async (_what, text) => {
    const error = await ask(text.replace('FOLDER', folder)).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'QUERY_FAILED' });
    expect(String(error)).not.toContain('o1');
    expect(existsSync(join(folder, 'out.csv'))).toBe(false);
  });

  it('is stopped when its time is over, and when nobody wants it any more', async () => {
    // Of small parts, which need no memory.
    const endless = 'SELECT count(*) FROM range(100000) a, range(100000) b, range(100000) c';
    await expect(ask(endless, { timeoutMs: 1500 })).rejects.toMatchObject({
      code: 'QUERY_FAILED',
      message: expect.stringContaining('within 1.5 s'),
    });
    const stopping = new AbortController();
    const stopped = ask(endless, {}, stopping.signal);
    stopping.abort(new Error('stop'));
    await expect(stopped).rejects.toThrow('stop');
  });

  it('waits for nobody who writes the file, and says who has it', async () => {
    await using writer = await leaseFile(path, 'write');
    await writer.exclusive('Writing', (session) => session.rows('SELECT 1'), NEVER);
    const refused = ask('SELECT 1');
    await expect(refused).rejects.toMatchObject({
      code: 'FILE_LOCKED',
      message: expect.stringContaining('another sync of this server has it open'),
    });
  });

  it('says when there is no such file', async () => {
    const missing = runQuery(join(folder, 'missing.duckdb'), 'SELECT 1', LIMITS, NEVER);
    await expect(missing).rejects.toMatchObject({ code: 'CONN_DATABASE_MISSING' });
  });
});
