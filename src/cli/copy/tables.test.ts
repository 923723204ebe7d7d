import { expect, it } from 'vitest';
import { selectTables } from './tables.ts';

const IDS = ['public.orders', 'public.order_log', 'sales.orders', 'Sales.Notes'];

it.each([
  [undefined, IDS],
  ['orders', ['public.orders', 'sales.orders']],
  ['public.orders', ['public.orders']],
  ['sales.*', ['sales.orders', 'Sales.Notes']],
  ['*_log, notes', ['public.order_log', 'Sales.Notes']],
  ['*', IDS],
])('%s selects %j, in the order of the source', (patterns, selected) => {
  expect(selectTables(IDS, patterns)).toEqual(selected);
});

it('takes every sign but the star for itself', () => {
  expect(selectTables(['a+b', 'aab'], 'a+b')).toEqual(['a+b']);
  expect(() => selectTables(['axb'], 'a.b')).toThrow('nothing is named a.b');
});

it('names a pattern that fits nothing', () => {
  expect(() => selectTables(IDS, 'orders,people')).toThrow('nothing is named people; there are public.orders,');
  expect(() => selectTables(IDS, ' , ')).toThrow('names no table');
});
