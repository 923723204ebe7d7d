import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { NEVER, openSide, type Side } from '../../../tests/setup/postgresql-loads.ts';
import { RANDOM_TYPES } from '../../../tests/setup/random/random-types.ts';
import type { LogicalType } from '../../core/index.ts';
import type { Chunk, WireFormat } from '../chunk.ts';
import { createRecordHasher } from '../hashing/record-hasher.ts';
import { createTranscoder } from './transcoder.ts';

/** Types of which both wire formats carry the same value. */
const TYPES = [
  ...['boolean', 'smallint', 'integer', 'bigint', 'real', 'double precision', 'text', 'character varying(20)', 'name'],
  ...['numeric(12,2)', 'numeric(38,10)', 'numeric(4,4)', 'numeric(5,-2)', 'bytea', 'uuid', 'json', 'jsonb', 'date'],
  ...['time without time zone', 'timestamp without time zone', 'timestamp with time zone'],
];
const RECORDS = 300;

let side: Side;

beforeAll(async () => {
  side = await openSide();
  const columns = TYPES.map((type) => RANDOM_TYPES.find((random) => random.type === type));
  await side.sql(`CREATE TABLE values (id integer, ${TYPES.map((type, i) => `v${i} ${type}`).join(', ')})`);
  await side.sql(`SET TimeZone = 'UTC'`);
  const drawn = columns.map((column) => {
    if (column === undefined) throw new Error('a type has no random values');
    return fc.sample(fc.option(column.values, { freq: 8 }), { numRuns: RECORDS, seed: 7 });
  });
  const lists = drawn.map((_, i) => `$${i + 1}::text[]`).join(', ');
  const casts = TYPES.map((type, i) => `c${i}::${type}`).join(', ');
  const names = TYPES.map((_, i) => `c${i}`).join(', ');
  await side.sql(
    `INSERT INTO values SELECT no, ${casts} FROM unnest(${lists}) WITH ORDINALITY AS given (${names}, no)`,
    drawn,
  );
});

afterAll(() => side[Symbol.asyncDispose]());

/** All records as PostgreSQL itself writes them, and what its fields are. */
async function readAll(format: WireFormat, without?: string): Promise<{ chunk: Chunk; types: readonly LogicalType[] }> {
  const { source } = side.connector;
  const schema = (await source?.discover(NEVER))?.find(({ id }) => id === 'public.values');
  const fields = schema?.fields.filter(({ remoteType }) => remoteType !== without) ?? [];
  const offer = source?.offer(fields).find((one) => one.format === format);
  if (source === undefined || schema === undefined || offer === undefined) throw new Error('nothing to read');
  await using snapshot = await source.openSnapshot(NEVER);
  const [range] = await source.planSegments(
    { schema, snapshot, segmentBytes: 1 << 27, from: null, filters: [] },
    NEVER,
  );
  if (range === undefined) throw new Error('nothing to read');
  const request = { schema, format, fields: offer.fields, range, snapshot, from: null, filters: [] };
  for await (const { chunk } of source.read(request, NEVER))
    return {
      chunk: { ...chunk, payload: chunk.payload.slice() },
      types: offer.fields.map(({ logicalType }) => logicalType),
    };
  throw new Error('there are no records');
}

function sumOf(chunk: Chunk, types: readonly LogicalType[]) {
  const hasher = createRecordHasher('canonical', types);
  hasher.add(chunk);
  return hasher.result();
}

describe('random values of every type', () => {
  it('become of csv the very bytes that PostgreSQL sends in binary', async () => {
    // `jsonb` begins with a version there; what we write is `json`.
    const [csv, binary] = [await readAll('csv', 'jsonb'), await readAll('pgcopy-binary', 'jsonb')];
    const made = createTranscoder('csv', 'pgcopy-binary', csv.types).apply(csv.chunk);
    expect(made.ends).toHaveLength(RECORDS);
    expect(csv.types).toHaveLength(TYPES.length);
    expect(made).toEqual(binary.chunk);
  });

  it('become of binary csv of the same canonical sum as PostgreSQL’s own', async () => {
    const [csv, binary] = [await readAll('csv'), await readAll('pgcopy-binary')];
    const made = createTranscoder('pgcopy-binary', 'csv', csv.types).apply(binary.chunk);
    expect(sumOf(made, csv.types)).toEqual(sumOf(csv.chunk, csv.types));
  });

  it('are the same again after both ways, chunk after chunk', async () => {
    const { chunk, types } = await readAll('csv');
    const there = createTranscoder('csv', 'pgcopy-binary', types);
    const back = createTranscoder('pgcopy-binary', 'csv', types);
    for (let round = 0; round < 3; round++)
      expect(sumOf(back.apply(there.apply(chunk)), types)).toEqual(sumOf(chunk, types));
  });
});

describe('records that are not what was said', () => {
  const types: readonly LogicalType[] = [{ kind: 'integer', bits: 16 }];
  const chunk = (format: WireFormat, bytes: string | readonly number[]): Chunk => {
    const payload = new Uint8Array(Buffer.from(typeof bytes === 'string' ? bytes : [...bytes]));
    return { format, payload, ends: Uint32Array.of(payload.length) };
  };

  it.each([
    ['a text', 'one\n'],
    ['a number that is too large', '32768\n'],
    ['two fields', '1,2\n'],
    ['no end', '1'],
    ['a quote without an end', '"1\n'],
  ])('stop a reading of csv: %s', (_, text) => {
    const transcoder = createTranscoder('csv', 'pgcopy-binary', types);
    expect(() => transcoder.apply(chunk('csv', text))).toThrow(expect.objectContaining({ code: 'FORMAT_CORRUPT' }));
  });

  it.each([
    ['another number of fields', [0, 2, 0, 0, 0, 2, 0, 1]],
    ['a field of another width', [0, 1, 0, 0, 0, 1, 7]],
    ['a field beyond the record', [0, 1, 0, 0, 0, 9, 0, 1]],
    ['a length that is cut off', [0, 1, 0, 0]],
    ['bytes behind its fields', [0, 1, 0, 0, 0, 2, 0, 1, 9]],
    ['nothing', [0]],
  ])('stop a reading of binary tuples: %s', (_, bytes) => {
    const transcoder = createTranscoder('pgcopy-binary', 'csv', types);
    const corrupt = chunk('pgcopy-binary', bytes);
    expect(() => transcoder.apply(corrupt)).toThrow(expect.objectContaining({ code: 'FORMAT_CORRUPT' }));
  });

  it('stop where the format is another one', () => {
    const transcoder = createTranscoder('csv', 'pgcopy-binary', types);
    expect(() => transcoder.apply(chunk('pgcopy-binary', [0, 0]))).toThrow('was to be read as csv');
  });
});
