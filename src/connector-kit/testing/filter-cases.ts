import fc from 'fast-check';
import {
  checkFilter,
  FILTER_FUNCTIONS,
  type FieldDescription,
  type Filter,
  matchesFilter,
  type RowFilter,
  resolveFilters,
} from '../../core/index.ts';

/** A column of the table over which filters are compared. */
export interface FilterColumn {
  /** Of the system. */
  readonly type: string;
  /** Values as `matchesFilter` takes them, without NULL. */
  readonly values: readonly unknown[];
}

/** When the execution is planned. */
const NOW = new Date('2024-02-29T12:00:00Z');

const TEXTS = [
  '',
  'a',
  'A',
  'ab',
  ' ab\t',
  "a'b",
  "'; DROP TABLE odd; --",
  'a\\b',
  '\\',
  "\\'",
  "E'\\x41'",
  '100',
  '100%',
  'a_b',
  'axb',
  'line\nbreak',
  '$1 $$ :x ?',
  '"quoted"',
  'ä',
  'a\u0308',
  '\uFB00',
  '\u{1F600}',
  'NULL',
];
const INTEGERS = ['0', '1', '-1', '5', '6', '32767', '-32768'];
const DECIMALS = ['0.00', '1.00', '1.50', '-1.50', '5.00', '99999999.99', '-99999999.99'];
const FLOATS = ['0', '-0', '1', '1.5', '0.1', '-1.5', 'NaN', 'Infinity', '-Infinity'];
const TIMES = [
  '2024-01-30 23:59:59.999999',
  '2024-01-31 00:00:00',
  '2024-01-31 23:59:59.999999',
  '2024-02-01 00:00:00',
  '2024-02-29 12:00:00',
  '2024-02-29 12:00:00.000001',
  '2024-02-27 12:00:00',
  '0001-01-01 00:00:00',
  '0044-03-15 10:00:00 BC',
  'infinity',
  '-infinity',
];
const UUIDS = ['7d444840-9dc0-11d1-b245-5ffdce74fad2', 'ffffffff-ffff-ffff-ffff-ffffffffffff'];

/** Values by what they mean; each system names its types for them. */
export const FILTER_VALUES = {
  text: TEXTS,
  integer: INTEGERS,
  bigint: [...INTEGERS, '9223372036854775807', '-9223372036854775808', '9007199254740993'],
  decimal: DECIMALS,
  huge: ['0', '5', '123456789012345678901234567890123456789', '-1'],
  real: FLOATS,
  double: [...FLOATS, '1e+300', '5e-324'],
  boolean: [true, false],
  date: TIMES.map((time) => time.replace(/ \d\d:\S+/, '')),
  time: ['00:00:00', '09:30:00', '09:30:00.25', '23:59:59.999999', '24:00:00'],
  timestamp: TIMES,
  timestamptz: TIMES.map((time) => time.replace(/( BC)?$/, (era) => `${time.endsWith('infinity') ? '' : '+00'}${era}`)),
  uuid: UUIDS,
  texts: [[], [''], ['a', null], ['ab', "a'b", '\\'], [null], ['A', '"quoted"', 'NULL']],
  integers: [[], [1], [1, null, 5], [null], [6, 5], [-1]],
  decimals: [[], ['1.5'], ['0.00', '99.99'], [null, '-1.50']],
  reals: [[], ['0.1'], ['NaN', '1.5'], [null]],
  booleans: [[], [true], [false, null], [true, false]],
  uuids: [[], [UUIDS[0]], [null, UUIDS[1]]],
  json: [{}, [], 'a', 1, ['a', 1], ['1', true], [['a']], [1.5, null], ["a'b\\", false], { a: 'a' }],
} as const satisfies Readonly<Record<string, readonly unknown[]>>;

/** Offered as values of filters beside those of the columns: forms that users write, and values that no cell equals. */
const ODD_VALUES: readonly unknown[] = [
  1,
  5.5,
  0.1,
  '1e3',
  '1.500',
  '-99999999999999999999999999',
  '340282366920938463463374607431768211456',
  '0.0000000001',
  true,
  'false',
  '2024-01-31',
  '2024-02-01',
  '2024-01-31T01:00:00+01:00',
  '2024-01-31T12:00Z',
  '9999-12-31',
  '09:30',
  UUIDS[0]?.toUpperCase(),
  '%a%',
  'a_b',
  '100\\%',
  'a%_\\\\',
  'b',
  ' ab ',
  'break',
  '48 hours ago',
  '1 month ago',
  '4 weeks',
  '2 days',
  'yesterday',
  'now',
  '1 hour from now',
];

/** Filters that fit a field, some for every function that it takes; reproducible by seed. */
export function drawFilters(field: FieldDescription, column: FilterColumn, seed: number): readonly Filter[] {
  const one = fc.oneof(fc.constantFrom(...column.values.flat()), fc.constantFrom(...ODD_VALUES));
  const list = fc.array(one, { minLength: 1, maxLength: 3 });
  const value = fc.oneof(one, one, fc.tuple(one, one), list, fc.constant(null));
  return FILTER_FUNCTIONS.flatMap((name) => {
    const fitting = value
      .map((given): Filter => ({ field: field.id, function: name, value: given }))
      .filter((filter) => checkFilter(field, filter) === null);
    const isTaken = [null, ...ODD_VALUES, ...column.values.flat()].some((given) =>
      [given, [given], [given, given]].some(
        (form) => checkFilter(field, { field: field.id, function: name, value: form }) === null,
      ),
    );
    return isTaken ? fc.sample(fitting, { seed, numRuns: 6 }) : [];
  });
}

/** A filter as a source gets it. */
export function resolveOne(filter: Filter): RowFilter {
  const [resolved] = resolveFilters([filter], NOW);
  if (resolved === undefined) throw new Error('a filter became none');
  return resolved;
}

/** Numbers of the records that the reference selects: one for each of the column's values, then one with NULL. */
export function selectByReference(field: FieldDescription, column: FilterColumn, filter: RowFilter): readonly number[] {
  return [...column.values, null].flatMap((value, number) => (matchesFilter(field, value, filter) ? [number] : []));
}
