import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { copySchema, NEVER, openSide, type Side } from '../../../tests/setup/postgresql-loads.ts';
import type { FieldDescription, LogicalType } from '../../core/index.ts';
import { parseType, TYPE_RULES } from './type-rules.ts';
import { describeType, isBinaryType, offerFormats } from './types.ts';

/** Type as `format_type` prints it → values as SQL literals. NULL is added to each. */
const SAMPLES: Readonly<Record<string, readonly string[]>> = {
  boolean: ['true', 'false'],
  smallint: ['-32768', '32767'],
  integer: ['-2147483648', '2147483647'],
  bigint: ['-9223372036854775808', '9223372036854775807'],
  real: [`'-0'`, '3.4028235e38', `'NaN'`, `'Infinity'`, '1e-45', '0.1'],
  'double precision': [`'-0'`, '1.7976931348623157e308', `'NaN'`, `'-Infinity'`, '5e-324', '0.1'],
  numeric: [
    '0',
    '1.10',
    `-12345678901234567890123456789012345678901234567890.000000000001`,
    `'NaN'`,
    `'-Infinity'`,
    '1e-20',
  ],
  'numeric(15,2)': ['-9999999999999.99', '0.10', `'NaN'`],
  'numeric(38,10)': ['1234567890123456789012345678.0123456789'],
  'numeric(45,3)': ['123456789012345678901234567890123456789012.125'],
  text: [`''`, `'naïve 🌊'`, `E'tab\\tline\\nback\\\\slash "quoted", comma'`, `'\\N'`],
  'character varying(20)': [`''`, `'ends with blank '`],
  'character varying': [`'any length'`],
  'character(5)': [`'ab'`, `''`],
  bpchar: [`'ends with blanks  '`, `''`],
  '"char"': [`'x'`, `''`, `'\\377'`],
  name: [`'a name'`],
  bytea: [`''`, `'\\x00ff0a5c22'`],
  uuid: [`'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'`],
  json: [`'{"b": 1,  "a": [null, "x"]}'`, `'1.10'`],
  jsonb: [`'{"b": 1,  "a": [null, "x"]}'`, `'1.10'`, `'"\\u00e4"'`],
  xml: [`'<a>b</a>'`, `'<?xml version="1.0" standalone="yes"?><a>ü</a>'`, `'text <b/> and more'`],
  jsonpath: [`'$.a[*] ? (@ > 1.5)'`, `'strict $'`],
  date: [`'2026-02-28'`, `'0044-03-15 BC'`, `'infinity'`, `'5874897-12-31'`],
  'time without time zone': [`'00:00'`, `'23:59:59.999999'`, `'24:00'`],
  'time(3) without time zone': [`'12:34:56.7896'`],
  'time with time zone': [`'12:34:56.5+02'`, `'00:00-12:30'`],
  'timestamp without time zone': [`'2026-02-28 12:34:56.789012'`, `'0001-01-01 BC'`, `'-infinity'`],
  'timestamp with time zone': [`'2026-02-28 12:34:56.789012+05:30'`, `'294276-12-31 23:59:59+00'`, `'infinity'`],
  'timestamp(0) with time zone': [`'2026-02-28 12:34:56.789'`],
  interval: [`'1 year -2 months 3 days 04:05:06.000007'`, `'0'`, `'-1 day'`],
  'interval day to second(3)': [`'3 days 04:05:06.7896'`],
  inet: [`'192.168.0.1/24'`, `'::1'`, `'10.0.0.1'`],
  cidr: [`'10.0.0.0/8'`],
  macaddr: [`'08:00:2b:01:02:03'`],
  macaddr8: [`'08:00:2b:01:02:03:04:05'`],
  'bit(4)': [`B'1010'`],
  'bit varying(9)': [`B'1'`, `B''`],
  point: [`'(1,-2.5e-300)'`, `'(NaN,Infinity)'`],
  line: [`'{1,-2.5,3}'`],
  lseg: [`'[(0,0),(1,1.1)]'`],
  box: [`'(0,0),(1,1)'`],
  path: [`'[(0,0),(1,1)]'`, `'((0,0),(1,1))'`],
  polygon: [`'((0,0),(1,1),(2,0))'`],
  circle: [`'<(1,2),0.1>'`],
  int4range: [`'[1,5)'`, `'empty'`, `'(,)'`],
  int8range: [`'[9223372036854775800,)'`],
  numrange: [`'(0.10,NaN]'`],
  daterange: [`'[2026-01-01,infinity)'`],
  tsrange: [`'[2026-01-01 00:00,2026-01-02 00:00)'`],
  tstzrange: [`'(,2026-01-02 00:00+02)'`],
  int4multirange: [`'{[1,3),[5,9)}'`, `'{}'`],
  int8multirange: [`'{(,0)}'`],
  nummultirange: [`'{[1.0,2.00)}'`],
  datemultirange: [`'{[2026-01-01,2026-01-02)}'`],
  tsmultirange: [`'{[2026-01-01 00:00,)}'`],
  tstzmultirange: [`'{(,)}'`],
  tsvector: [`'a:1A fat:2B,4C cat:5D'`, `''`],
  tsquery: [`'fat & (rat | !cat:AB) <2> mouse:*'`],
  pg_lsn: [`'16/B374D848'`],
  pg_snapshot: [`'10:20:10,14,15'`],
  txid_snapshot: [`'10:20:10,14,15'`],
  oid: ['4294967295'],
  xid: [`'4294967295'`],
  xid8: [`'18446744073709551615'`],
  cid: [`'7'`],
  tid: [`'(4294967295,65535)'`],
  oidvector: [`'1 2 4294967295'`],
  int2vector: [`'1 -2'`],
  refcursor: [`'<unnamed portal 1>'`],
};

/** Arrays of every type above, with values of it, nothing, NULL, bounds of their own and two dimensions. */
const ARRAYS: Readonly<Record<string, readonly string[]>> = Object.fromEntries(
  Object.entries(SAMPLES).map(([type, values]) => {
    const list = values.map((value) => `CAST(${value} AS ${type})`).join(', ');
    const all = `ARRAY[${list}, NULL]::${type}[]`;
    return [`${type}[]`, [all, `'{}'`, `array_fill(CAST(${values[0]} AS ${type}), ARRAY[2, 2], ARRAY[0, -3])`]];
  }),
);

/** Types of the user, and built-in ones that mean something else on another server: they travel as text. */
const DECLARED: Readonly<Record<string, readonly string[]>> = {
  money: ['1234.5', '-0.01'],
  'money[]': [`'{1.5,NULL}'`],
  regclass: [`'pg_class'`],
  mood: [`'so so'`, `'"happy"'`],
  'mood[]': [`ARRAY['so so', NULL]::mood[]`],
  '"Postal Address"': [`ROW('a "street", 1', NULL, '{1,2}')`, 'ROW(NULL, NULL, NULL)'],
  '"Postal Address"[]': [`ARRAY[ROW('x', 1.50, '{}')::"Postal Address"]`],
  floatrange: [`'[1.5,2.5)'`],
  'extensions.hstore': [`'a=>1, "b c"=>NULL'`],
  'extensions.citext': [`'MixedCase'`],
};

const EVERYTHING = { ...SAMPLES, ...ARRAYS, ...DECLARED };
const PASSED_THROUGH = Object.keys({ ...SAMPLES, ...ARRAYS });

let source: Side;
let destination: Side;

beforeAll(async () => {
  source = await openSide();
  destination = await openSide();
  await source.sql(`CREATE TYPE mood AS ENUM ('so so', '"happy"')`);
  await source.sql(`CREATE TYPE "Postal Address" AS (street text, "Nr." numeric(6,2), tags integer[])`);
  await source.sql('CREATE TYPE floatrange AS RANGE (subtype = float8)');
  await source.sql('CREATE SCHEMA extensions');
  await source.sql('CREATE EXTENSION hstore SCHEMA extensions');
  await source.sql('CREATE EXTENSION citext SCHEMA extensions');
  const columns = Object.keys(EVERYTHING).map((type, index) => `c${index} ${type}`);
  await source.sql(`CREATE TABLE everything (id serial PRIMARY KEY, ${columns.join(', ')})`);
  for (const [index, values] of Object.values(EVERYTHING).entries()) {
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
    expect(fields.slice(1).map(({ remoteType }) => remoteType)).toEqual(Object.keys(EVERYTHING));
    expect(Object.keys(EVERYTHING).filter(isBinaryType)).toEqual(PASSED_THROUGH);
  });

  it('has no type that is not tried here', () => {
    const tried = Object.keys(SAMPLES).map((type) => parseType(type).base);
    expect(Object.keys(TYPE_RULES).filter((type) => !tried.includes(type))).toEqual([]);
  });

  it('keeps every value, with the same type, and is proved equal', async () => {
    const { found, expected } = await copySchema({
      source: source.connector,
      destination: destination.connector,
      schemaId: 'public.everything',
    });
    expect(found).toEqual(expected);
    const types = await destination.sql(
      `SELECT format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = 'everything'::regclass AND attname ~ '^c[0-9]+$' ORDER BY attnum`,
    );
    expect(types.flat()).toEqual(
      Object.keys(EVERYTHING).map((type) =>
        PASSED_THROUGH.includes(type) ? type : type === 'money' ? 'numeric' : 'text',
      ),
    );
    for (const [index, type] of Object.keys(EVERYTHING).entries()) {
      const text = `SELECT c${index}::text FROM everything ORDER BY id`;
      const [left, right] = [await source.sql(text), await destination.sql(text)];
      if (type !== 'money') expect(right, type).toEqual(left);
    }
  });

  it('keeps money as the number that it is', async () => {
    const index = Object.keys(EVERYTHING).indexOf('money');
    expect(await destination.sql(`SELECT c${index} FROM everything WHERE c${index} IS NOT NULL ORDER BY id`)).toEqual([
      ['1234.50'],
      ['-0.01'],
    ]);
  });
});

describe('what lies under a type', () => {
  it('is looked for through domains over domains', async () => {
    await source.sql('CREATE DOMAIN amount AS numeric(9,3); CREATE DOMAIN price AS amount CHECK (VALUE > 0)');
    await source.sql('CREATE DOMAIN tags AS text[]; CREATE DOMAIN address AS "Postal Address"');
    await source.sql('CREATE TABLE domains (a price, b price[], c tags, d address)');
    const found = (await fieldsOf('public.domains')).map(({ remoteType, type }) => [remoteType, type]);
    expect(found).toEqual([
      ['numeric(9,3)', 'number'],
      ['price[]', 'array'],
      ['text[]', 'array'],
      ['"Postal Address"', 'object'],
    ]);
  });

  it('is no built-in type where only the name is one', async () => {
    await using side = await openSide();
    await side.sql(`CREATE TYPE public.macaddr AS ENUM ('not an address')`);
    await side.sql('CREATE TABLE impostors (a public.macaddr, b public.macaddr[], c pg_catalog.macaddr)');
    const { username, pathname } = new URL(side.url);
    await side.sql(`ALTER ROLE "${username}" IN DATABASE ${pathname.slice(1)} SET search_path = public, pg_catalog`);
    const fields = (await side.connector.source?.discover(NEVER))?.[0]?.fields;
    expect(fields?.map(({ remoteType }) => remoteType)).toEqual([
      'public.macaddr',
      'public.macaddr[]',
      'pg_catalog.macaddr',
    ]);
  });

  it('says which columns the database computes or numbers itself', async () => {
    await source.sql(
      `CREATE TABLE computed (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, net integer,
         gross integer GENERATED ALWAYS AS (net * 2) STORED, shown integer GENERATED ALWAYS AS (net + 1) VIRTUAL)`,
    );
    await source.sql('INSERT INTO computed (net) VALUES (1), (NULL)');
    const fields = await fieldsOf('public.computed');
    expect(fields.map(({ id, isGenerated, canTrack }) => [id, isGenerated ?? false, canTrack])).toEqual([
      ['id', false, true],
      ['net', false, true],
      ['gross', true, false],
      ['shown', true, false],
    ]);
    await copySchema({ source: source.connector, destination: destination.connector, schemaId: 'public.computed' });
    expect(await destination.sql('SELECT id, net, gross, shown FROM computed ORDER BY id')).toEqual([
      ['1', '1', '2', '2'],
      ['2', null, null, null],
    ]);
  });
});

describe('the offers', () => {
  it('declare every conversion by name', async () => {
    const [binary, csv] = offerFormats(await fieldsOf('public.everything'));
    const conversions = (offer: typeof binary) =>
      offer?.fields.flatMap(({ conversion }) => conversion?.replace(/^c\d+: /, '') ?? []);
    expect(conversions(binary)).toEqual([
      'money as numeric',
      ...['money[]', 'regclass', 'enum mood', 'mood[]', '"Postal Address"', '"Postal Address"[]'].map(toText),
      ...['floatrange', 'extensions.hstore', 'extensions.citext'].map(toText),
    ]);
    const declared = conversions(csv);
    expect(declared).toEqual(
      expect.arrayContaining([
        ...['numeric', 'numeric(45,3)', 'interval', 'character(5)', 'inet', 'int4range', 'enum mood'].map(toText),
        ...['integer[]', 'mood[]', 'money[]', '"Postal Address"'].map((type) => `${type} as json`),
        'money as numeric(23,4)',
        'oid as bigint',
      ]),
    );
    for (const type of ['boolean', 'real', 'text', 'bytea', 'jsonb', 'numeric(15,2)', 'name', 'date'])
      expect(
        declared?.some((conversion) => conversion.startsWith(`${type} as`)),
        type,
      ).toBe(false);
  });

  it('send as text what is asked for as text, alike in both formats', async () => {
    const fields = (await fieldsOf('public.everything')).slice(0, 3);
    const [binary, csv] = offerFormats(fields, new Set(['c1']));
    expect(binary?.fields.map(({ wireType }) => wireType)).toEqual(['integer', 'boolean', 'text']);
    expect(csv?.fields[2]).toEqual(binary?.fields[2]);
  });

  it('send csv in the one form that every system reads', async () => {
    await source.sql(
      `CREATE TABLE forms (b boolean, n numeric(6,2), f float8, r float4, y bytea, d date, s timestamp, z timestamptz, u uuid, c char(4),
         i interval, e text, m money, o oid, a timestamptz[], p "Postal Address", w float8[])`,
    );
    await source.sql(
      `INSERT INTO forms VALUES (true, 1, 0.1, 0.1, '\\xAB', '2026-01-02', '2026-01-02 03:04:05.5', '2026-01-02 03:04:05+01', 'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11', 'ab', '1 day', '', 2, 4294967295, '{2026-01-02 03:04:05.5+01,infinity,NULL}',
         ROW('x', 1, '{1,2}'), '{{NaN,1e300},{-0,0.1}}')`,
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
      't,1.00,0.1,0.10000000149011612,\\xab,2026-01-02,2026-01-02 03:04:05.5,2026-01-02 02:04:05+00,a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11,ab,P1D,"",2.0000,4294967295,"[""2026-01-02T02:04:05.5+00:00"",""infinity"",null]",' +
        '"{""street"":""x"",""Nr."":1.00,""tags"":[1,2]}","[[""NaN"",1e+300],[-0,0.1]]"\n',
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
    for (const type of ['public.text', 'public.text[]', 'my text', '"text[]"', 'text[][]'])
      expect(isBinaryType(type)).toBe(false);
  });
});

function toText(type: string): string {
  return `${type} as text`;
}
