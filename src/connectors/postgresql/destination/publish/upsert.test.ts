import { expect, it } from 'vitest';
import { isLookedUp } from './upsert.ts';

/** As PostgreSQL explains a MERGE into `l`. */
const merge = (inner: Readonly<Record<string, unknown>>) => [
  {
    Plan: {
      'Node Type': 'ModifyTable',
      Operation: 'Merge',
      Alias: 'l',
      'Plan Rows': 0,
      Plans: [
        {
          'Node Type': 'Nested Loop',
          'Plan Rows': 600_000,
          Plans: [{ 'Node Type': 'Seq Scan', Alias: 's', 'Plan Rows': 600_000 }, inner],
        },
      ],
    },
  },
];

it.each([
  ['an index', true, { 'Node Type': 'Index Scan', Alias: 'l', 'Index Cond': '(id = s.id)' }],
  ['a bitmap', true, { 'Node Type': 'Bitmap Heap Scan', Alias: 'l', 'Recheck Cond': '(id = s.id)' }],
  ['a whole index', false, { 'Node Type': 'Index Scan', Alias: 'l', 'Plan Rows': 5_000 }],
  ['the whole table', false, { 'Node Type': 'Materialize', Plans: [{ 'Node Type': 'Seq Scan', Alias: 'l' }] }],
])('knows from a plan whether records are looked up: by %s', (_how, expected, inner) => {
  expect(isLookedUp(merge(inner))).toBe(expected);
});
