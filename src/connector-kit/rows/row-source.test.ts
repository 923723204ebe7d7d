import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectFile, createFilesRoot, queryFile } from '../../../tests/setup/duckdb/duckdb-loads.ts';
import { connectPages, servePages } from '../../../tests/setup/pages/http-pages.ts';
import { listPeople, PEOPLE, toPerson } from '../../../tests/setup/pages/people.ts';
import { copySchema, NEVER, openSide, type Side } from '../../../tests/setup/postgresql-loads.ts';
import type { RowFilter } from '../../core/index.ts';
import type { Connector } from '../connector.ts';
import { CreditPool, MemoryCredit } from '../memory-credit.ts';
import type { SourceChunk } from '../source.ts';
import { describeSource } from '../testing/index.ts';

const RECORDS = listPeople(1234);

describeSource(
  'An HTTP API that gives pages',
  async () => {
    const server = await servePages(RECORDS);
    return {
      connector: connectPages(server, PEOPLE),
      reconnect: async () => connectPages(server, PEOPLE),
      schemaId: 'people',
      records: RECORDS.length,
      segmentBytes: 1000,
      write: async () => void server.records.push(toPerson(5000)),
      [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
    };
  },
  { hasImage: false },
);

const EXPECTED = [
  ['1', 'Bärbel\n漢字', '0.0010', '1.125', 'f', '6ba7b810-9dad-11d1-80b4-000000000001'],
  ['2', '', '-0.5000', '2.125', 'f', '6ba7b810-9dad-11d1-80b4-000000000002'],
  ['7', null, '0.0010', '7.125', 'f', '6ba7b810-9dad-11d1-80b4-000000000007'],
  ['9', '\\.', '0.0010', '9.125', 't', '6ba7b810-9dad-11d1-80b4-000000000009'],
];
const MOMENTS = ['1999-12-31', '06:30:00', '2026-03-01 10:00:00.25+00', '2026-03-01 12:00:00', '{"zip":"09"}'];

describe('rows of an HTTP API', () => {
  let side: Side;

  beforeAll(async () => {
    side = await openSide();
    await side.sql(`SET TimeZone = 'UTC'`);
  });
  afterAll(() => side[Symbol.asyncDispose]());

  async function copy(destination: Connector, plan = {}) {
    await using server = await servePages(RECORDS);
    return await copySchema({ source: connectPages(server, PEOPLE), destination, schemaId: 'people', plan });
  }

  it('arrive in PostgreSQL as binary tuples, with the values that the API gave', async () => {
    const copied = await copy(side.connector);
    expect(copied.plan).toMatchObject({ format: 'pgcopy-binary', hashing: 'native:pgcopy-binary' });
    expect(copied.expected).toMatchObject({ records: RECORDS.length });
    expect(copied.found).toEqual(copied.expected);
    const rows = await side.sql(
      'SELECT id, name, amount, share, active, token FROM people WHERE id IN (1, 2, 7, 9) ORDER BY id',
    );
    expect(rows).toEqual(EXPECTED);
    const moments = 'born, wakes, seen_at, local_at, address';
    expect(await side.sql(`SELECT ${moments} FROM people WHERE id = 9`)).toEqual([MOMENTS]);
  });

  it('arrive the same as csv, which DuckDB takes', async () => {
    await using files = await createFilesRoot();
    const path = `${files.root}/rows.duckdb`;
    const connector = await connectFile(files.root, 'rows.duckdb');
    const copied = await copy(connector);
    expect(copied.plan).toMatchObject({ format: 'csv', hashing: 'canonical' });
    expect(copied.expected).toMatchObject({ records: RECORDS.length });
    expect(copied.found).toEqual(copied.expected);
    await connector[Symbol.asyncDispose]();
    const found = await queryFile(path, 'SELECT count(*), sum(amount)::VARCHAR, min(born)::VARCHAR FROM people');
    expect(JSON.stringify(found)).toContain('1999-12-31');
  });
});

async function readAll(
  records: readonly string[],
  request: { from?: { version: 1; field: string; value: string }; filters?: readonly RowFilter[] } = {},
) {
  await using server = await servePages(records);
  const source = connectPages(server, PEOPLE).source;
  if (source === undefined) throw new Error('no source');
  const [offer] = source.offer(PEOPLE.fields);
  await using snapshot = await source.openSnapshot(NEVER);
  const chunks: SourceChunk[] = [];
  const range = { text: 'whole table', value: {} };
  const { filters = [] } = request;
  const read = { schema: PEOPLE, format: 'csv' as const, fields: offer?.fields ?? [], range, snapshot, filters };
  for await (const { chunk, rejects } of source.read({ ...read, from: request.from ?? null }, NEVER))
    chunks.push({ chunk: { ...chunk, payload: chunk.payload.slice() }, ...(rejects === undefined ? {} : { rejects }) });
  return { chunks, asked: server.asked };
}

describe('a row that does not fit its schema', () => {
  it('is refused by key and field, without its value, and the others go on', async () => {
    const odd = toPerson(2).replace('"1999-12-31"', '"a secret"');
    const { chunks } = await readAll([toPerson(1), odd, toPerson(3)]);
    expect(chunks.map(({ chunk }) => chunk.ends.length)).toEqual([2]);
    expect(chunks[0]?.rejects).toEqual([{ key: { id: '2' }, reason: 'The value of born is no date (YYYY-MM-DD).' }]);
  });
});

describe('a filter of rows', () => {
  const small = toPerson(2).replace('"-0.5"', '1e-4').replace('6BA7B810', 'ABCDEF00');
  it.each<RowFilter>([
    { field: 'token', function: 'Equality', value: 'abcdef00-9dad-11d1-80b4-000000000002' },
    { field: 'amount', function: 'Equality', value: '0.0001' },
    { field: 'wakes', function: 'Equality', value: '07:05:00' },
    { field: 'name', function: 'Equality', value: '{"a":1}' },
  ])('sees the value that lands, whatever form the API gave it: $field', async (filter) => {
    const odd = small.replace('"06:30:00"', '"07:05"').replace('""', '{"a":1}');
    const { chunks } = await readAll([toPerson(1), odd, toPerson(3)], { filters: [filter] });
    expect(chunks.map(({ chunk, rejects }) => [chunk.ends.length, rejects])).toEqual([[1, undefined]]);
  });
});

describe('a delta of rows', () => {
  it('asks the API for what changed since shortly before the last reading began', async () => {
    await using server = await servePages([]);
    const source = connectPages(server, PEOPLE).source;
    const field = PEOPLE.fields.find(({ id }) => id === 'seen_at');
    if (source === undefined || field === undefined) throw new Error('no source');
    const lowerBound = { value: '2026-03-01T12:00:00.000Z', isExact: false, reason: 'none' };
    const snapshot = { token: 't', position: { position: null, takenAt: lowerBound.value }, lowerBound };
    const { next, guarantee } = await source.planTracking({ schema: PEOPLE, field, snapshot }, NEVER);
    expect(guarantee).toBe('best_effort');
    expect(next).toEqual({ version: 1, field: 'seen_at', value: '2026-03-01T11:55:00.000Z' });
    const { asked } = await readAll([], { from: { version: 1, field: 'seen_at', value: '2026-03-01T11:55:00.000Z' } });
    expect(asked).toEqual(['/people?page=0&seen_at=2026-03-01T11:55:00.000Z']);
  });
});

describe('a long row', () => {
  it('is encoded and given on only with leave of the memory credit, which it gives back', async () => {
    const pool = new CreditPool(64 * 1024 * 1024);
    const long = toPerson(1).replace('"other":1', `"name":"${'x'.repeat(6_000_000)}"`);
    await using server = await servePages([long, toPerson(2)], 1);
    const { source } = connectPages(server, PEOPLE, new MemoryCredit(pool.openAccount()));
    if (source === undefined) throw new Error('no source');
    const [offer] = source.offer(PEOPLE.fields);
    await using snapshot = await source.openSnapshot(NEVER);
    const [range] = await source.planSegments(
      { schema: PEOPLE, snapshot, segmentBytes: 1, from: null, filters: [] },
      NEVER,
    );
    if (offer === undefined || range === undefined) throw new Error('nothing to read');
    const taken: number[] = [];
    const request = { schema: PEOPLE, format: offer.format, fields: offer.fields, range, snapshot, from: null };
    for await (const { chunk } of source.read({ ...request, filters: [] }, NEVER))
      taken.push(chunk.ends.length, pool.state().takenBytes);
    expect([taken[0], taken[2], taken[3]]).toEqual([1, 1, 0]);
    expect(taken[1]).toBeGreaterThan(18_000_000);
    expect(pool.state().takenBytes).toBe(0);
  });
});
