import { describe, expect, it } from 'vitest';
import type { FieldType, LogicalType } from '../fields.ts';
import type { FilterFunction } from '../syncs.ts';
import { checkFilter } from './check.ts';
import { matchesFilter } from './match.ts';
import { resolveFilters } from './resolve.ts';

function toField(type: FieldType, logicalType: LogicalType, remoteType: string) {
  return { id: 'f', type, logicalType, remoteType };
}

const FIELDS = {
  text: toField('string', { kind: 'text' }, 'text'),
  int: toField('number', { kind: 'integer', bits: 16 }, 'smallint'),
  price: toField('number', { kind: 'decimal', precision: 4, scale: 2 }, 'numeric(4,2)'),
  real: toField('number', { kind: 'float', bits: 32 }, 'real'),
  flag: toField('boolean', { kind: 'boolean' }, 'boolean'),
  day: toField('datetime', { kind: 'date' }, 'date'),
  moment: toField('datetime', { kind: 'timestamptz' }, 'timestamp with time zone'),
  clock: toField('string', { kind: 'time' }, 'time without time zone'),
  uuid: toField('string', { kind: 'uuid' }, 'uuid'),
  list: toField('array', { kind: 'text' }, 'integer[]'),
  json: toField('object', { kind: 'json' }, 'jsonb'),
  bytes: toField('binary', { kind: 'bytes' }, 'bytea'),
};
type FieldName = keyof typeof FIELDS;

function check(name: FieldName, filterFunction: FilterFunction, value?: unknown): string | null {
  return checkFilter(FIELDS[name], { field: 'f', function: filterFunction, value });
}

describe('checking a filter', () => {
  it.each<[FieldName, FilterFunction, unknown, RegExp]>([
    ['int', 'StringContains', 'a', /^StringContains is not for fields of type smallint\.$/],
    ['text', 'True', null, /is not for/],
    ['text', 'OnOrAfter', '2024-01-01', /is not for/],
    ['text', 'InTheLast', '2 days', /is not for/],
    ['json', 'Equality', 'a', /is not for/],
    ['bytes', 'Equality', '00', /is not for/],
    ['list', 'StringOneOf', [1], /is not for/],
    ['clock', 'OnOrAfter', '09:30', /is not for/],
    ['text', 'IsNull', 'a', /takes no value/],
    ['flag', 'True', true, /takes no value/],
    ['text', 'Equality', 5, /needs text/],
    ['text', 'Equality', null, /needs text/],
    ['text', 'Equality', undefined, /needs text/],
    ['text', 'StringContains', 'a\0b', /U\+0000/],
    ['text', 'Equality', '\uD800', /well-formed/],
    ['text', 'StringLike', 'a\\', /backslash/],
    ['text', 'StringNotLike', '\\\\\\', /backslash/],
    ['text', 'StringOneOf', 'a', /needs a list/],
    ['text', 'StringOneOf', [], /at least one/],
    ['text', 'StringOneOf', ['a', null], /needs text/],
    ['text', 'StringNotOneOf', Array.from({ length: 10_001 }, String), /at most 10000/],
    ['int', 'Equality', 'five', /needs a number/],
    ['int', 'Equality', '', /needs a number/],
    ['int', 'Equality', true, /needs a number/],
    ['int', 'Equality', '1e99999', /needs a number/],
    ['int', 'Equality', 2 ** 53, /beyond 2\^53 as text/],
    ['int', 'Equality', 'NaN', /needs a number/],
    ['int', 'Equality', '9'.repeat(1_001), /at most 1000 digits/],
    ['real', 'LessThan', '1e39', /can hold/],
    ['int', 'Between', 5, /list of two/],
    ['int', 'Between', [1, 2, 3], /list of two/],
    ['int', 'Between', [2, 1], /lower value first/],
    ['flag', 'Equality', 'yes', /true or false/],
    ['uuid', 'Equality', 'abc', /needs a UUID/],
    ['clock', 'GreaterThan', '25:00', /exists/],
    ['day', 'Equality', '2023-02-29', /exists/],
    ['day', 'Equality', '0000-01-01', /year 1/],
    ['moment', 'OnOrAfter', 1_700_000_000, /needs a date/],
    ['moment', 'OnOrAfter', 'yesterday', /needs a date/],
    ['moment', 'OnOrAfter', '2024-01-01T24:00:00Z', /exists/],
    ['moment', 'OnOrAfter', '2024-01-01T00:00:00.1234567Z', /microsecond/],
    ['moment', 'OnOrAfter', '2024-01-01T00:00:00+25:00', /zone/],
    ['moment', 'OnOrAfter', '0001-01-01T00:00:00+01:00', /year 1/],
    ['moment', 'RelativeOnOrAfter', '48 hours', /needs a moment/],
    ['moment', 'RelativeOnOrAfter', '2024-01-01', /needs a moment/],
    ['moment', 'RelativeOnOrBefore', '2 fortnights ago', /needs a moment/],
    ['moment', 'RelativeOnOrBefore', '2000 years ago', /1,000 years/],
    ['moment', 'InTheLast', '1.5 days', /needs a span/],
    ['moment', 'InTheLast', 7, /needs a span/],
    ['moment', 'InTheLast', '7 days from now', /needs a span/],
    ['list', 'ArrayContains', 'five', /needs a number/],
    ['list', 'ArrayContains', [1], /needs a number/],
    ['json', 'ArrayContains', null, /needs/],
    ['json', 'ArrayContains', { a: 1 }, /needs/],
  ])('of %s: %s %j is refused', (field, name, value, reason) => {
    expect(check(field, name, value)).toMatch(reason);
  });

  it.each<[FieldName, FilterFunction, unknown]>([
    ['text', 'IsNull', ''],
    ['text', 'Equality', ''],
    ['text', 'GreaterThan', 'm'],
    ['text', 'StringLike', 'a\\\\'],
    ['int', 'Equality', '9007199254740993'],
    ['int', 'StringOneOf', [1, '2']],
    ['real', 'LessThan', 'Infinity'],
    ['flag', 'Inequality', 'true'],
    ['day', 'Between', ['2024-01-01', '2024-01-01']],
    ['moment', 'GreaterThan', '2024-01-01 10:00+02'],
    ['moment', 'RelativeOnOrAfter', ' 48  Hours AGO '],
    ['moment', 'InTheLast', 'a week'],
    ['moment', 'InTheLast', '2 quarters'],
    ['uuid', 'StringStartsWith', '7d44'],
    ['list', 'ArrayDoesNotContain', '5'],
    ['json', 'ArrayContains', true],
  ])('of %s: %s %j fits', (field, name, value) => {
    expect(check(field, name, value)).toBeNull();
  });
});

describe('relative times', () => {
  const NOW = new Date('2024-03-31T10:00:00.500Z');
  const resolve = (name: FilterFunction, value: string) =>
    resolveFilters([{ field: 'f', function: name, value }], NOW).map((filter) => [filter.function, filter.value]);

  it.each([
    ['48 hours ago', '2024-03-29T10:00:00.500Z'],
    ['2 weeks from now', '2024-04-14T10:00:00.500Z'],
    ['1 month ago', '2024-02-29T10:00:00.500Z'],
    ['13 months ago', '2023-02-28T10:00:00.500Z'],
    ['a year from now', '2025-03-31T10:00:00.500Z'],
    ['now', '2024-03-31T10:00:00.500Z'],
    ['today', '2024-03-31'],
    ['yesterday', '2024-03-30'],
    ['tomorrow', '2024-04-01'],
  ])('%s is %s', (value, resolved) => {
    expect(resolve('RelativeOnOrAfter', value)).toEqual([['OnOrAfter', resolved]]);
    expect(resolve('RelativeOnOrBefore', value)).toEqual([['OnOrBefore', resolved]]);
  });

  it('become a span up to now', () => {
    expect(resolve('InTheLast', '7 days')).toEqual([['Between', ['2024-03-24T10:00:00.500Z', NOW.toISOString()]]]);
  });

  it('leave other filters alone, and name the field of one that cannot be read', () => {
    const fixed = { field: 'f', function: 'Equality', value: '48 hours ago' } as const;
    expect(resolveFilters([fixed], NOW)).toEqual([fixed]);
    expect(() => resolve('InTheLast', 'ages')).toThrow(
      'The filter on f cannot be applied: InTheLast needs a span of time such as "7 days" or "48 hours".',
    );
  });
});

describe('a value passes', () => {
  const passes = (field: FieldName, value: unknown, name: FilterFunction, given?: unknown) => {
    const [filter] = resolveFilters([{ field: 'f', function: name, value: given }], new Date('2024-02-29T12:00:00Z'));
    if (filter === undefined) throw new Error('a filter became none');
    return matchesFilter(FIELDS[field], value, filter);
  };

  it('no filter but IsNull when it is NULL', () => {
    expect(passes('text', null, 'IsNull')).toBe(true);
    for (const name of ['IsNotNull', 'Inequality', 'StringDoesNotContain', 'StringNotLike'] as const)
      expect(passes('text', null, name, name === 'IsNotNull' ? null : 'a')).toBe(false);
    expect(passes('int', null, 'StringNotOneOf', [5.5])).toBe(false);
    expect(passes('list', null, 'ArrayDoesNotContain', 1)).toBe(false);
  });

  it.each<[FieldName, unknown, FilterFunction, unknown, boolean]>([
    // A day has many times.
    ['moment', '2024-01-31 23:59:59.999999+00', 'OnOrBefore', '2024-01-31', true],
    ['moment', '2024-02-01 00:00:00+00', 'OnOrBefore', '2024-01-31', false],
    ['moment', '2024-01-31 10:00:00+00', 'GreaterThan', '2024-01-31', false],
    ['moment', '2024-02-01 00:00:00+00', 'GreaterThan', '2024-01-31', true],
    ['moment', '2024-01-31 10:00:00+00', 'Equality', '2024-01-31', true],
    ['moment', new Date('2024-01-31T10:00:00Z'), 'Between', ['2024-01-31', '2024-01-31'], true],
    ['moment', '2024-01-31 10:00:00+00', 'Equality', '2024-01-31T12:00:00+02:00', true],
    // A field that holds days compares days.
    ['day', '2024-02-28', 'InTheLast', '24 hours', true],
    ['day', '2024-02-29', 'RelativeOnOrBefore', '1 hour ago', true],
    ['moment', '2024-03-01 00:00:00+00', 'InTheLast', '7 days', false],
    // Numbers beyond what the field can hold, or between what it can.
    ['int', 6, 'GreaterThan', 5.5, true],
    ['int', 5, 'LessThan', 5.5, true],
    ['int', 5, 'Equality', 5.5, false],
    ['int', 5, 'Inequality', 5.5, true],
    ['int', 32_767, 'LessThan', '1e30', true],
    ['int', -32_768, 'LessThanEqual', '-1e30', false],
    ['price', '1.50', 'StringOneOf', ['1.5', '1.501'], true],
    ['price', 'NaN', 'GreaterThan', 99.99, true],
    ['real', 0.1, 'Equality', '0.1', true],
    ['real', '-0', 'Equality', 0, true],
    // Case and white space count, code points order.
    ['text', 'Abc', 'StringContains', 'abc', false],
    ['text', '\t abc\n', 'StringMatchesTrimmed', 'abc ', true],
    ['text', 'Abc', 'StringMatchesTrimmed', 'abc', false],
    ['text', '\uFF5E', 'LessThan', '\u{1F600}', true],
    ['text', 'a\nb', 'StringLike', 'a_b', true],
    ['text', '\u{1F600}', 'StringLike', '_', true],
    ['text', '100%', 'StringEndsWith', '%', true],
    ['text', '100', 'StringEndsWith', '%', false],
    ['list', [1, [2, null]], 'ArrayContains', 2, true],
    ['list', [1, null], 'ArrayDoesNotContain', 2, true],
    ['json', ['5', 'a'], 'ArrayContains', 5, false],
    ['json', { a: 5 }, 'ArrayDoesNotContain', 5, true],
  ])('%s %j: %s %j is %s', (field, value, name, given, expected) => {
    expect(passes(field, value, name, given)).toBe(expected);
  });

  it('no filter that does not fit its field any more', () => {
    expect(() => passes('int', 5, 'StringLike', '5')).toThrow(
      expect.objectContaining({ code: 'FILTER_MISFIT', message: expect.stringContaining('The filter on f') }),
    );
  });
});
