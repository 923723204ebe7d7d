import { afterEach, beforeEach, expect, it } from 'vitest';
import { createFilesRoot } from '../../../../tests/setup/duckdb/duckdb-loads.ts';
import { CreditPool, MemoryCredit } from '../../memory-credit.ts';
import type { ReadRequest } from '../../source.ts';
import type { FileLease } from '../client.ts';
import { openReader } from '../memory.ts';
import { exportCsv } from './export-csv.ts';

const NEVER = new AbortController().signal;
const LONG = 3_000_000;
const LONGER = 9_000_000;

let files: Awaited<ReturnType<typeof createFilesRoot>>;
let reader: FileLease;
let pool: CreditPool;

beforeEach(async () => {
  files = await createFilesRoot();
  reader = await openReader(files.root, 'the test');
  pool = new CreditPool(1024 * 1024);
});
afterEach(async () => {
  await reader[Symbol.asyncDispose]();
  await files[Symbol.asyncDispose]();
});

/** Records of these lengths, and how much was taken at each chunk. */
async function read(lengths: readonly number[], signal = NEVER): Promise<{ records: number[]; taken: number[] }> {
  const body = { id: 'body', name: 'body', remoteType: 'VARCHAR', logicalType: { kind: 'text' } };
  // Nothing else of a request is looked at.
  const request = { schema: { id: 't', fields: [body] }, fields: [body], filters: [] } as unknown as ReadRequest;
  const values = lengths.map((length) => `(${length})`).join(', ');
  const from = `(SELECT repeat('x', n) AS body FROM (VALUES ${values}) v (n))`;
  const credit = new MemoryCredit(pool.openAccount());
  const [records, taken]: [number[], number[]] = [[], []];
  for await (const { chunk } of exportCsv(reader, request, { from, where: [], credit }, signal)) {
    records.push(...chunk.ends.map((end, index) => end - (chunk.ends[index - 1] ?? 0) - '""\n'.length));
    taken.push(pool.state().takenBytes);
  }
  return { records, taken };
}

it('asks for the memory of long records, and gives it back behind them', async () => {
  const lengths = [10, LONG, 20, LONGER, 30];
  const { records, taken } = await read(lengths);
  expect(records.toSorted((a, b) => a - b)).toEqual(lengths.toSorted((a, b) => a - b));
  expect(Math.max(...taken)).toBeGreaterThan(4 * LONGER);
  expect(pool.state()).toMatchObject({ takenBytes: 0, waiting: 0 });
});

it('asks for nothing where all records are short', async () => {
  const { taken } = await read(Array.from({ length: 3000 }, () => 1000));
  expect(new Set(taken)).toEqual(new Set([0]));
});

it('waits for it until it is stopped', async () => {
  new MemoryCredit(pool.openAccount()).tryTake(1024);
  const stop = new AbortController();
  const reading = read([LONG], stop.signal);
  await expect.poll(() => pool.state().waiting).toBe(1);
  stop.abort();
  await expect(reading).rejects.toMatchObject({ name: 'AbortError' });
  await expect.poll(() => pool.state()).toMatchObject({ takenBytes: 1024, waiting: 0 });
});
