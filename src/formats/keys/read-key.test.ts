import fc from 'fast-check';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../../tests/setup/databases.ts';
import type { LogicalType } from '../../core/index.ts';
import type { Chunk } from '../chunk.ts';
import { readKey } from './read-key.ts';

let database: TestDatabase;
let client: pg.Client;

beforeAll(async () => {
  database = await createTestDatabase();
  client = new pg.Client({ connectionString: database.url, options: '-c TimeZone=UTC -c DateStyle=ISO' });
  await client.connect();
});

afterAll(async () => {
  await client.end();
  await database[Symbol.asyncDispose]();
});

/** One record with these field bytes, as COPY BINARY frames them. */
function toTuple(fields: readonly (Buffer<ArrayBuffer> | null)[]): Chunk {
  const parts = [Buffer.from([0, fields.length])];
  for (const field of fields) {
    const length = Buffer.alloc(4);
    length.writeInt32BE(field?.length ?? -1);
    parts.push(length, field ?? Buffer.alloc(0));
  }
  const payload = new Uint8Array(Buffer.concat(parts));
  return { format: 'pgcopy-binary', payload, ends: Uint32Array.of(payload.length) };
}

/** What the server prints, and what we read of the bytes that it would send. */
async function compare(sqlType: string, send: string, logicalType: LogicalType, values: readonly string[]) {
  const sql = `SELECT v::text AS text, ${send}(v) AS bytes FROM (SELECT unnest($1::text[])::${sqlType} AS v) AS given`;
  const { rows } = await client.query<{ text: string; bytes: Buffer<ArrayBuffer> }>(sql, [values]);
  const field = { position: 0, id: 'key', logicalType };
  expect(rows.map(({ bytes }) => readKey(toTuple([bytes]), 0, [field]).key)).toEqual(rows.map(({ text }) => text));
  expect(rows).toHaveLength(values.length);
}

describe('pgcopy-binary', () => {
  it('reads integers as the server prints them', async () => {
    await compare('int2', 'int2send', { kind: 'integer', bits: 16 }, ['-32768', '0', '32767']);
    await compare('int4', 'int4send', { kind: 'integer', bits: 32 }, ['-2147483648', '7']);
    await compare('int8', 'int8send', { kind: 'integer', bits: 64 }, ['-9223372036854775808', '9223372036854775807']);
  });

  it('reads decimals as the server prints them', async () => {
    const digits = fc.string({ unit: fc.constantFrom('0', '1', '9'), minLength: 1, maxLength: 30 });
    const decimals = fc.tuple(fc.constantFrom('', '-'), digits, fc.option(digits, { nil: null }));
    const samples = fc.sample(decimals, { numRuns: 300, seed: 7 });
    const values = samples.map(
      ([sign, whole, fraction]) => `${sign}${whole}${fraction === null ? '' : `.${fraction}`}`,
    );
    await compare('numeric', 'numeric_send', { kind: 'decimal', precision: 38, scale: 10 }, [
      ...values,
      'NaN',
      'Infinity',
    ]);
  });

  it('reads dates as the server prints them', async () => {
    const days = fc.sample(fc.integer({ min: -2_450_000, max: 2_145_000_000 }), { numRuns: 300, seed: 7 });
    const near = Array.from({ length: 1600 }, (_, i) => i - 800);
    const { rows } = await client.query<{ text: string }>(
      "SELECT (date '2000-01-01' + unnest($1::int[]))::text AS text",
      [[...days, ...near, ...near.map((day) => day - 730_425)]],
    );
    const values = [...rows.map(({ text }) => text), 'infinity', '-infinity'];
    await compare('date', 'date_send', { kind: 'date' }, values);
  });

  it('reads times as the server prints them', async () => {
    await compare('time', 'time_send', { kind: 'time' }, ['00:00', '12:30:00.5', '23:59:59.999999', '24:00']);
    const times = [
      '2024-02-29 12:34:56.78',
      '1969-12-31 23:59:59.999999',
      '0044-03-15 01:02:03.5 BC',
      '294276-12-31',
      'infinity',
      '-infinity',
    ];
    await compare('timestamp', 'timestamp_send', { kind: 'timestamp' }, times);
    await compare('timestamptz', 'timestamptz_send', { kind: 'timestamptz' }, times);
  });

  it('reads texts, uuids, json and booleans as the server prints them', async () => {
    await compare('text', 'textsend', { kind: 'text' }, ['', 'grün 漢字']);
    await compare('uuid', 'uuid_send', { kind: 'uuid' }, ['6ba7b810-9dad-11d1-80b4-00c04fd430c8']);
    await compare('json', 'json_send', { kind: 'json' }, ['{"z":1,  "a":2}']);
    await compare('jsonb', 'jsonb_send', { kind: 'json' }, ['{"z":1,  "a":2}']);
    expect(readKey(toTuple([Buffer.of(1)]), 0, [{ position: 0, id: 'k', logicalType: { kind: 'boolean' } }])).toEqual({
      k: 't',
    });
  });

  it('gives bytes of unknown form as hex digits', () => {
    const field = { position: 0, id: 'k', logicalType: { kind: 'text' } } as const;
    expect(readKey(toTuple([Buffer.of(0xff, 0)]), 0, [field])).toEqual({ k: 'ff00' });
  });

  it('finds its fields among others, NULL included', () => {
    const chunk = toTuple([Buffer.from('a'), null, Buffer.from('c')]);
    const fields = [
      { position: 2, id: 'c', logicalType: { kind: 'text' } },
      { position: 1, id: 'b', logicalType: { kind: 'text' } },
    ] as const;
    expect(readKey(chunk, 0, fields)).toEqual({ c: 'c', b: null });
  });
});

it('reads the key of the asked record of a csv chunk', () => {
  const chunk: Chunk = {
    format: 'csv',
    payload: new Uint8Array(Buffer.from('1,a\n2,"b,"\n')),
    ends: Uint32Array.of(4, 11),
  };
  const field = { position: 1, id: 'name', logicalType: { kind: 'text' } } as const;
  expect(readKey(chunk, 1, [field])).toEqual({ name: 'b,' });
});
