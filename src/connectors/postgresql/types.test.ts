import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { copySchema, NEVER, openSide, type Side } from '../../../tests/setup/postgresql-loads.ts';
import type { FieldDescription, LogicalType } from '../../core/index.ts';
import { describeType, isBinaryType, offerFormats } from './types.ts';

/** Type as `format_type` prints it → values as SQL literals. NULL is added to each. */
const SAMPLES: Readonly<Record<string, readonly string[]>> = {
  boolean: ['true', 'false'],
  smallint: ['-32768', '32767'],
  integer: ['-2147483648', '2147483647'],
  bigint: ['-9223372036854775808', '9223372036854775807'],
  real: [`'-0'`, '3.4028235e38', `'NaN'`, `'Infinity'`, '1e-45', '0.1'],
  'double precision': [`'-0'`, '1.7976931348623157e308', `'NaN'`, `'-Infinity'`, '5e-324', '0.1'],
  numeric: ['0', '1.10', '-12345678901234567890123456789012345678901234567890.000000000001', `'NaN'`, '1e-20'],
  'numeric(15,2)': ['-9999999999999.99', '0.10', `'NaN'`],
  'numeric(38,10)': ['1234567890123456789012345678.0123456789'],
  'numeric(45,3)': ['123456789012345678901234567890123456789012.125'],
  text: [`''`, `'naïve 🌊'`, `E'tab\\tline\\nback\\\\slash "quoted", comma'`, `'\\N'`],
  'character varying(20)': [`''`, `'ends with blank '`],
  'character varying': [`'any length'`],
  'character(5)': [`'ab'`, `''`],
  '"char"': [`'x'`],
  name: [`'a name'`],
  bytea: [`''`, `'\\x00ff0a5c22'`],
  uuid: [`'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'`],
  json: [`'{"b": 1,  "a": [null, "x"]}'`, `'1.10'`],
  jsonb: [`'{"b": 1,  "a": [null, "x"]}'`, `'1.10'`, `'"\\u00e4"'`],
  date: [`'2026-02-28'`, `'0044-03-15 BC'`, `'infinity'`, `'5874897-12-31'`],
  'time without time zone': [`'00:00'`, `'23:59:59.999999'`, `'24:00'`],
  'time(3) without time zone': [`'12:34:56.7896'`],
  'time with time zone': [`'12:34:56.5+02'`, `'00:00-12:30'`],
  'timestamp without time zone': [`'2026-02-28 12:34:56.789012'`, `'0001-01-01 BC'`, `'-infinity'`],
  'timestamp with time zone': [`'2026-02-28 12:34:56.789012+05:30'`, `'294276-12-31 23:59:59+00'`, `'infinity'`],
  'timestamp(0) with time zone': [`'2026-02-28 12:34:56.789'`],
  interval: [`'1 year -2 months 3 days 04:05:06.000007'`, `'0'`, `'-1 day'`],
  inet: [`'192.168.0.1/24'`, `'::1'`],
  cidr: [`'10.0.0.0/8'`],
  macaddr: [`'08:00:2b:01:02:03'`],
  macaddr8: [`'08:00:2b:01:02:03:04:05'`],
  'bit(4)': [`B'1010'`],
  'bit varying(9)': [`B'1'`, `B''`],
  money: ['1234.5', '-0.01'],
  xml: [`'<a>b</a>'`],
  point: [`'(1,2.5)'`],
  tsvector: [`'a fat cat'`],
  int4range: [`'[1,5)'`, `'empty'`],
  'integer[]': [`'{1,NULL,3}'`, `'{}'`, `'{{1,2},{3,4}}'`],
  'text[]': [`'{"a,b","c\\"d",NULL}'`],
  oid: ['4294967295'],
  pg_lsn: [`'16/B374D848'`],
};

/** Types with bytes that mean the same on every server; every other one travels as the text that `::text` gives. */
const PASSED_THROUGH = Object.keys(SAMPLES).filter(
  (type) =>
    !['"char"', 'money', 'xml', 'point', 'tsvector', 'int4range', 'integer[]', 'text[]', 'oid', 'pg_lsn'].includes(
      type,
    ),
);

let source: Side;
let destination: Side;

beforeAll(async () => {
  source = await openSide();
  destination = await openSide();
  const columns = Object.keys(SAMPLES).map((type, index) => `c${index} ${type}`);
  await source.sql(`CREATE TABLE everything (id serial PRIMARY KEY, ${columns.join(', ')})`);
  for (const [index, values] of Object.values(SAMPLES).entries()) {
    for (const value of values) await source.sql(`INSERT INTO everything (c${index}) VALUES (${value})`);
  }
});

afterAll(async () => {
  await source[Symbol.asyncDispose]();
  await destination[Symbol.asyncDispose]();
});

async function fieldsOf(schemaId: string): Promise<readonly FieldDescription[]> {
  const schemas = await source.connector.source?.discover(NEVER);
  return schemas?.find(({ id }) => id === schemaId)?.fields ?? [];
}

describe('the allow-list', () => {
  it('is what the catalogue prints, type by type', async () => {
    const fields = await fieldsOf('public.everything');
    expect(fields.slice(1).map(({ remoteType }) => remoteType)).toEqual(Object.keys(SAMPLES));
    expect(Object.keys(SAMPLES).filter(isBinaryType)).toEqual(PASSED_THROUGH);
  });

  it('keeps every value, with the same type, and is proved equal', async () => {
    const { found, expected } = await copySchema({
      source: source.connector,
      destination: destination.connector,
      schemaId: 'public.everything',
    });
    expect(found).toEqual(expected);
    const names = Object.keys(SAMPLES).map((_, index) => `c${index}`);
    const all = `SELECT ${names.map((name) => `${name}::text`).join(', ')} FROM everything ORDER BY id`;
    const [left, right] = [await source.sql(all.replace(/(c\d+)::text/g, '$1::text')), await destination.sql(all)];
    const money = Object.keys(SAMPLES).indexOf('money');
    expect(right.map((row) => row.toSpliced(money, 1))).toEqual(left.map((row) => row.toSpliced(money, 1)));
    const types = await destination.sql(
      `SELECT format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = 'everything'::regclass AND attname ~ '^c[0-9]+$' ORDER BY attnum`,
    );
    expect(types.flat()).toEqual(
      Object.keys(SAMPLES).map((type) =>
        PASSED_THROUGH.includes(type) ? type : type === 'money' ? 'numeric' : 'text',
      ),
    );
  });

  it('keeps money as the number that it is', async () => {
    const index = Object.keys(SAMPLES).indexOf('money');
    expect(await destination.sql(`SELECT c${index} FROM everything WHERE c${index} IS NOT NULL ORDER BY id`)).toEqual([
      ['1234.50'],
      ['-0.01'],
    ]);
  });
});

describe('the offers', () => {
  it('declare every conversion by name', async () => {
    const [binary, csv] = offerFormats(await fieldsOf('public.everything'));
    const conversions = (offer: typeof binary) =>
      offer?.fields.flatMap(({ conversion }) => conversion?.replace(/^c\d+: /, '') ?? []);
    expect(conversions(binary)).toEqual(
      Object.keys(SAMPLES)
        .filter((type) => !PASSED_THROUGH.includes(type))
        .map((type) => `${type} as ${type === 'money' ? 'numeric' : 'text'}`),
    );
    expect(conversions(csv)).toEqual(
      expect.arrayContaining([
        'numeric as text',
        'numeric(45,3) as text',
        'interval as text',
        'character(5) as text',
        'inet as text',
      ]),
    );
    expect(conversions(csv)).not.toContain('bytea as text');
  });

  it('send csv in the one form that every system reads', async () => {
    await source.sql(
      `CREATE TABLE forms (b boolean, n numeric(6,2), f float8, y bytea, d date, s timestamp, z timestamptz, u uuid, c char(4), i interval, e text, m money)`,
    );
    await source.sql(
      `INSERT INTO forms VALUES (true, 1, 0.1, '\\xAB', '2026-01-02', '2026-01-02 03:04:05.5', '2026-01-02 03:04:05+01', 'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11', 'ab', '1 day', '', 2)`,
    );
    const schema = (await source.connector.source?.discover(NEVER))?.find(({ id }) => id === 'public.forms');
    const csv = offerFormats(schema?.fields ?? []).find(({ format }) => format === 'csv');
    if (schema === undefined || csv === undefined || source.connector.source === undefined)
      throw new Error('nothing to read');
    await using snapshot = await source.connector.source.openSnapshot(NEVER);
    const [range] = await source.connector.source.planSegments(
      { schema, snapshot, segmentBytes: 1e9, from: null, filters: [] },
      NEVER,
    );
    if (range === undefined) throw new Error('no range');
    const request = { schema, format: 'csv', fields: csv.fields, range, snapshot, from: null, filters: [] } as const;
    let text = '';
    for await (const { chunk } of source.connector.source.read(request, NEVER))
      text += Buffer.from(chunk.payload).toString();
    expect(text).toBe(
      't,1.00,0.1,\\xab,2026-01-02,2026-01-02 03:04:05.5,2026-01-02 02:04:05+00,a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11,ab,P1D,"",$2.00\n',
    );
  });
});

describe('describeType', () => {
  const cases: readonly (readonly [string, string, LogicalType])[] = [
    ['numeric(15,2)', 'number', { kind: 'decimal', precision: 15, scale: 2 }],
    ['numeric(3,-2)', 'number', { kind: 'decimal', precision: 5, scale: 0 }],
    ['numeric(2,5)', 'number', { kind: 'decimal', precision: 5, scale: 5 }],
    ['numeric(39,0)', 'number', { kind: 'text' }],
    ['numeric', 'number', { kind: 'text' }],
    ['timestamp(3) with time zone', 'datetime', { kind: 'timestamptz' }],
    ['interval day to second(3)', 'string', { kind: 'text' }],
    ['order_status', 'string', { kind: 'text' }],
    ['public.text', 'string', { kind: 'text' }],
    ['jsonb[]', 'array', { kind: 'text' }],
    ['bytea', 'binary', { kind: 'bytes' }],
  ];
  it.each(cases)('calls %s a %s', (remoteType, type, logicalType) => {
    expect(describeType(remoteType)).toMatchObject({ type, logicalType });
  });

  it('passes nothing through that only looks like a built-in type', () => {
    for (const type of ['public.text', 'text[]', 'my text', 'integer[]', 'numeric(5,2)[]'])
      expect(isBinaryType(type)).toBe(false);
  });
});
