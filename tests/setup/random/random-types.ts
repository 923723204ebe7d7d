import fc from 'fast-check';

/** Values of one PostgreSQL type, as texts that its input function takes. */
export interface RandomType {
  readonly type: string;
  readonly values: fc.Arbitrary<string>;
}

/** Types of the user that `RANDOM_TYPES` speaks of. */
export const USER_TYPES = `
  CREATE TYPE mood AS ENUM ('so so', '"happy"', 'ü, é');
  CREATE TYPE "Postal Address" AS (street text, "Nr." numeric(6,2), tags integer[]);
  CREATE TYPE floatrange AS RANGE (subtype = float8);
  CREATE DOMAIN amount AS numeric(9,3); CREATE DOMAIN price AS amount;
  CREATE EXTENSION hstore`;

const NASTY = [
  'a',
  'Z',
  ' ',
  ',',
  '"',
  "'",
  '\\',
  '\n',
  '\r',
  '\t',
  '{',
  '}',
  '.',
  'N',
  'ü',
  '漢',
  '🚂',
  '\u0001',
  '%',
  '_',
];
const text = fc.oneof(
  fc.string({ unit: fc.constantFrom(...NASTY), maxLength: 12 }),
  fc.constantFrom('', '\\N', '\\.', 'NULL', '0044-03-15 BC', ' a ', '"'),
);
const word = fc.stringMatching(/^[a-z]{1,6}$/);
const double = fc.double().map(writeNumber);
/** The last one is another number when it is read as 64 bits and then rounded. */
const float = fc.oneof(fc.float().map(writeNumber), fc.constant('7.038531e-26'));
const finite = fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e100, max: 1e100 }).map(writeNumber);
const digits = (maxLength: number) => fc.stringMatching(new RegExp(`^\\d{1,${maxLength}}$`));
const sign = fc.constantFrom('', '-');

/** `-0` keeps its sign. */
function writeNumber(value: number): string {
  return Object.is(value, -0) ? '-0' : String(value);
}

function whole(bits: number): fc.Arbitrary<string> {
  const edge = 2n ** BigInt(bits - 1);
  return fc.oneof(fc.bigInt({ min: -edge, max: edge - 1n }), fc.constantFrom(-edge, edge - 1n, 0n)).map(String);
}

function unsigned(bits: number): fc.Arbitrary<string> {
  return fc
    .oneof(fc.bigInt({ min: 0n, max: 2n ** BigInt(bits) - 1n }), fc.constant(2n ** BigInt(bits) - 1n))
    .map(String);
}

function decimal(before: number, behind: number, ...others: string[]): fc.Arbitrary<string> {
  const number = fc.tuple(sign, digits(before), digits(behind)).map(([minus, high, low]) => `${minus}${high}.${low}`);
  return others.length === 0 ? number : fc.oneof({ weight: 12, arbitrary: number }, fc.constantFrom(...others));
}

const two = (max: number, min = 0) => fc.integer({ min, max }).map((value) => String(value).padStart(2, '0'));
const clock = fc
  .tuple(two(23), two(59), two(59), fc.integer({ min: 0, max: 999_999 }))
  .map(([hours, minutes, seconds, us]) => `${hours}:${minutes}:${seconds}.${String(us).padStart(6, '0')}`);
const zone = fc.constantFrom('+00', '-12:30', '+05:45', '+14');

function day(lastYear: number): fc.Arbitrary<{ readonly date: string; readonly era: '' | ' BC' }> {
  const year = fc.oneof(
    fc.integer({ min: 1900, max: 2100 }).map((value) => [value, ''] as const),
    fc.integer({ min: 1, max: lastYear }).map((value) => [value, ''] as const),
    fc.integer({ min: 1, max: 4712 }).map((value) => [value, ' BC'] as const),
  );
  return fc.tuple(year, two(12, 1), two(28, 1)).map(([[number, era], month, date]) => ({
    date: `${String(number).padStart(4, '0')}-${month}-${date}`,
    era,
  }));
}

function moment(offset: fc.Arbitrary<string>): fc.Arbitrary<string> {
  const usual = fc.tuple(day(294_275), clock, offset);
  return fc.oneof(
    { weight: 12, arbitrary: usual.map(([{ date, era }, time, behind]) => `${date} ${time}${behind}${era}`) },
    fc.constantFrom('infinity', '-infinity', '294276-12-31 23:59:59.999999', '4714-11-24 00:00:00 BC'),
  );
}

/** `[low,high)` in any form of its bounds, or `empty`. */
function range(bound: fc.Arbitrary<string>, compare: (one: string, other: string) => number): fc.Arbitrary<string> {
  const open = fc.option(bound, { nil: '' });
  const bounds = fc.tuple(fc.constantFrom('[', '('), open, open, fc.constantFrom(']', ')'));
  const written = bounds.map(([before, one, other, behind]) => {
    const isSwapped = one !== '' && other !== '' && compare(one, other) > 0;
    return `${before}${isSwapped ? `${other},${one}` : `${one},${other}`}${behind}`;
  });
  return fc.oneof({ weight: 9, arbitrary: written }, fc.constant('empty'));
}

function multirange(ranges: fc.Arbitrary<string>): fc.Arbitrary<string> {
  return fc.array(ranges, { maxLength: 3 }).map((list) => `{${list.join(',')}}`);
}

const byNumber = (one: string, other: string) => (BigInt(one) < BigInt(other) ? -1 : 1);
const byText = (one: string, other: string) => (one < other ? -1 : 1);
const plainDay = fc.tuple(two(28, 1), two(12, 1)).map(([date, month]) => `2026-${month}-${date}`);
const plainMoment = fc.tuple(plainDay, clock).map(([date, time]) => `"${date} ${time}"`);
const numberBound = fc.tuple(digits(4), digits(3)).map(([high, low]) => `${high.padStart(4, '0')}.${low}`);
const RANGES: Readonly<Record<string, fc.Arbitrary<string>>> = {
  int4: range(whole(31), byNumber),
  int8: range(whole(63), byNumber),
  num: range(numberBound, byText),
  date: range(plainDay, byText),
  ts: range(plainMoment, byText),
  tstz: range(plainMoment, byText),
};

const point = fc.tuple(double, double).map((pair) => `(${pair.join(',')})`);
const place = fc.tuple(finite, finite).map((pair) => `(${pair.join(',')})`);
const places = fc.array(place, { minLength: 1, maxLength: 4 }).map((list) => list.join(','));
const octets = fc.ipV4();
const pair = fc.stringMatching(/^[0-9a-f]{2}$/);
const mac = (count: number) => fc.array(pair, { minLength: count, maxLength: count }).map((list) => list.join(':'));
const bits = (min: number, max: number) => fc.stringMatching(new RegExp(`^[01]{${min},${max}}$`));
const xmlText = fc.stringMatching(/^[a-zäöü .,'"]{0,8}$/);
const snapshot = fc.constantFrom('10:20:10,14,15', '1:1:');

const json = fc.json({ maxDepth: 3 }).filter((value) => !value.includes('\\u0000'));
const composite = fc
  .tuple(fc.option(text), fc.option(decimal(4, 2)), fc.option(fc.array(whole(32), { maxLength: 3 })))
  .map(([street, number, tags]) => {
    const parts = [street, number, tags === null ? null : `{${tags.join(',')}}`];
    return `(${parts.map((part) => (part === null ? '' : `"${part.replace(/["\\]/g, '\\$&')}"`)).join(',')})`;
  });
const hstore = fc
  .array(fc.tuple(word, fc.option(text)), { maxLength: 3 })
  .map((pairs) => pairs.map(([key, value]) => `"${key}"=>${value === null ? 'NULL' : quoteElement(value)}`).join(','));

const SCALARS: Readonly<Record<string, fc.Arbitrary<string>>> = {
  boolean: fc.constantFrom('true', 'false'),
  smallint: whole(16),
  integer: whole(32),
  bigint: whole(64),
  real: float,
  'double precision': double,
  numeric: decimal(40, 30, 'NaN', 'Infinity', '-Infinity', '1e-300', '1e300'),
  'numeric(12,2)': decimal(9, 4, 'NaN'),
  'numeric(38,10)': decimal(28, 10),
  'numeric(4,4)': fc.tuple(sign, digits(4)).map(([minus, low]) => `${minus}0.${low}`),
  'numeric(5,-2)': whole(20),
  'numeric(45,3)': decimal(42, 3, 'NaN'),
  price: decimal(6, 3),
  text,
  'character varying(20)': text,
  'character(12)': text,
  bpchar: text,
  name: text,
  '"char"': fc.constantFrom('a', '', '"', ','),
  bytea: fc.uint8Array({ maxLength: 9 }).map((bytes) => `\\x${Buffer.from(bytes).toString('hex')}`),
  uuid: fc.uuid(),
  json: fc.oneof(
    json,
    json.map((value) => ` ${value}\n`),
  ),
  jsonb: json,
  xml: fc.tuple(word, xmlText).map(([name, inner]) => `<${name} a="1">${inner}</${name}>`),
  jsonpath: word.map((name) => `$.${name}[*] ? (@ > 1)`),
  date: fc.oneof(
    { weight: 9, arbitrary: day(5_874_896).map(({ date, era }) => date + era) },
    fc.constantFrom('infinity', '-infinity', '5874897-12-31', '4714-11-24 BC'),
  ),
  'time without time zone': fc.oneof(clock, fc.constant('24:00:00')),
  'time with time zone': fc.tuple(clock, zone).map((parts) => parts.join('')),
  'timestamp without time zone': moment(fc.constant('')),
  'timestamp with time zone': moment(zone),
  interval: fc
    .tuple(fc.integer({ min: -9999, max: 9999 }), fc.integer({ min: -999, max: 999 }), sign, clock)
    .map(([months, days, minus, time]) => `${months} mons ${days} days ${minus}${time}`),
  inet: fc.oneof(
    octets,
    fc.tuple(octets, fc.integer({ min: 0, max: 32 })).map((parts) => parts.join('/')),
    fc.ipV6(),
  ),
  cidr: fc.oneof(octets, fc.constantFrom('10.0.0.0/8', '::/0')),
  macaddr: mac(6),
  macaddr8: mac(8),
  'bit(4)': bits(4, 4),
  'bit varying(9)': bits(0, 9),
  point,
  line: fc.tuple(finite, finite).map(([b, c]) => `{1,${b},${c}}`),
  lseg: fc.tuple(place, place).map((ends) => `[${ends.join(',')}]`),
  box: fc.tuple(place, place).map((corners) => corners.join(',')),
  path: fc.oneof(
    places.map((list) => `[${list}]`),
    places.map((list) => `(${list})`),
  ),
  polygon: places.map((list) => `(${list})`),
  circle: fc.tuple(place, digits(3)).map(([centre, radius]) => `<${centre},${radius}>`),
  ...Object.fromEntries(Object.entries(RANGES).map(([name, ranges]) => [`${name}range`, ranges])),
  ...Object.fromEntries(Object.entries(RANGES).map(([name, ranges]) => [`${name}multirange`, multirange(ranges)])),
  tsvector: fc
    .array(fc.tuple(word, fc.integer({ min: 1, max: 999 })), { maxLength: 3 })
    .map((list) => list.map((parts) => parts.join(':')).join(' ')),
  tsquery: fc.tuple(word, word).map(([one, other]) => `${one} & !${other}:*A`),
  pg_lsn: fc.tuple(pair, pair).map((parts) => parts.join('/')),
  pg_snapshot: snapshot,
  txid_snapshot: snapshot,
  oid: unsigned(32),
  xid: unsigned(32),
  xid8: unsigned(64),
  cid: unsigned(32),
  tid: fc.tuple(unsigned(32), unsigned(16)).map((parts) => `(${parts.join(',')})`),
  refcursor: text,
  money: decimal(12, 2),
  mood: fc.constantFrom('so so', '"happy"', 'ü, é'),
  '"Postal Address"': composite,
  floatrange: RANGES.num ?? text,
  hstore,
};

/** Every type, and an array of each. */
export const RANDOM_TYPES: readonly RandomType[] = Object.entries(SCALARS).flatMap(([type, values]) => [
  { type, values },
  { type: `${type}[]`, values: array(type, values) },
]);

/** Lists with NULLs, nothing, two dimensions, and bounds of their own. */
function array(type: string, values: fc.Arbitrary<string>): fc.Arbitrary<string> {
  // The one type with a comma in its own text.
  const delimiter = type === 'box' ? ';' : ',';
  const element = fc.option(values).map((value) => (value === null ? 'NULL' : quoteElement(value)));
  const list = fc.array(element, { maxLength: 3 }).map((elements) => `{${elements.join(delimiter)}}`);
  const pairs = fc.array(element, { minLength: 2, maxLength: 2 }).map((elements) => `{${elements.join(delimiter)}}`);
  const square = fc.tuple(pairs, pairs).map((rows) => `{${rows.join(delimiter)}}`);
  const shifted = fc.tuple(fc.integer({ min: -9, max: 9 }), pairs).map(([low, one]) => `[${low}:${low + 1}]=${one}`);
  return fc.oneof({ weight: 4, arbitrary: list }, square, shifted);
}

function quoteElement(value: string): string {
  return `"${value.replace(/["\\]/g, '\\$&')}"`;
}

/** A table to make: names, types and values as texts. */
export interface RandomTable {
  readonly columns: readonly { readonly name: string; readonly type: string }[];
  readonly records: readonly (readonly (string | null)[])[];
}

/** Tables in which together every type is a column, under names that need quoting, with up to `maxRecords` records each. */
export function randomTables(columnsEach: number, maxRecords: number): fc.Arbitrary<readonly RandomTable[]> {
  const all = RANDOM_TYPES.length;
  return fc.shuffledSubarray([...RANDOM_TYPES], { minLength: all, maxLength: all }).chain((types) => {
    const count = Math.ceil(all / columnsEach);
    const parts = Array.from({ length: count }, (_, i) => types.slice(i * columnsEach, (i + 1) * columnsEach));
    return fc.tuple(...parts.map((part) => randomTable(part, maxRecords)));
  });
}

function randomTable(types: readonly RandomType[], maxRecords: number): fc.Arbitrary<RandomTable> {
  const name = fc.string({ unit: fc.constantFrom('a', 'B', ' ', '"', "'", '.', 'é', '漢', '$', '\\'), maxLength: 8 });
  const record = fc.tuple(...types.map(({ values }) => fc.option(values, { nil: null, freq: 6 })));
  const names = fc.tuple(...types.map(() => name));
  return fc
    .tuple(names, fc.array(record, { minLength: maxRecords - 2, maxLength: maxRecords }))
    .map(([given, records]) => ({
      columns: types.map(({ type }, index) => ({ name: `${given[index]}${index}`, type })),
      records,
    }));
}
