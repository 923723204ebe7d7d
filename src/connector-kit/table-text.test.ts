import { expect, it } from 'vitest';
import { tableText } from './table-text.ts';

it('names a table with its schema, where there is one', () => {
  expect(tableText({ schema: 'shop', name: 'orders' })).toBe('shop.orders');
  expect(tableText({ schema: '', name: 'orders' })).toBe('orders');
});
