import type { TableName } from './table-name.ts';

/** A destination table for people: `shop.orders`, or `orders` where the system has no schemas. */
export function tableText({ schema, name }: TableName): string {
  return schema === '' ? name : `${schema}.${name}`;
}
