import { describe, expect, it } from 'vitest';
import { commonType, holdsType } from './type-fit.ts';

describe('holdsType', () => {
  it.each([
    ['bigint', 'integer'],
    ['numeric', 'numeric(10,2)'],
    ['numeric(12,2)', 'numeric(10,2)'],
    ['numeric(19,0)', 'bigint'],
    ['double precision', 'integer'],
    ['double precision', 'real'],
    ['text', 'character varying(20)'],
    ['character varying', 'text'],
    ['character varying(20)', 'character(5)'],
    ['timestamp without time zone', 'timestamp(3) without time zone'],
    ['timestamp(6) with time zone', 'timestamp(0) with time zone'],
    ['bit varying', 'bit varying(4)'],
    ['bigint[]', 'smallint[]'],
  ])('says that %s holds every %s, and not the other way round', (wide, narrow) => {
    expect(holdsType(wide, narrow)).toBe(true);
    if (wide !== 'character varying') expect(holdsType(narrow, wide)).toBe(false);
  });

  it.each([
    ['double precision', 'bigint'],
    ['real', 'integer'],
    ['numeric(10,2)', 'numeric(10,4)'],
    ['numeric(10,2)', 'integer'],
    ['numeric(10,2)', 'numeric'],
    ['character(5)', 'character varying(3)'],
    ['timestamp without time zone', 'timestamp with time zone'],
    ['timestamp without time zone', 'date'],
    ['text', 'integer'],
    ['numeric', 'double precision'],
    ['text', 'text[]'],
    ['jsonb', 'json'],
  ])('says that %s does not hold every %s', (wide, narrow) => {
    expect(holdsType(wide, narrow)).toBe(false);
  });
});

describe('commonType', () => {
  it('takes the wider of the two, or a number with room for both', () => {
    expect(commonType('integer', 'bigint')).toBe('bigint');
    expect(commonType('text', 'character varying(3)')).toBe('text');
    expect(commonType('numeric(10,2)', 'numeric(10,4)')).toBe('numeric(12,4)');
    expect(commonType('numeric(10,2)', 'integer')).toBe('numeric(12,2)');
  });

  it('knows none for types of different kinds', () => {
    expect(commonType('integer', 'text')).toBeNull();
    expect(commonType('date', 'timestamp without time zone')).toBeNull();
  });
});
