import { expect, it } from 'vitest';
import { findCommonFolder } from './server.ts';

it.each([
  [[], null],
  [['/data/a.csv'], '/data'],
  [['/data/a.csv', '/data/out'], '/data'],
  [['/data/in/a.csv', '/home/me/out'], '/'],
  [['/data/in/*/x.csv', '/data/in/out.duckdb'], '/data/in'],
  [['/data/a', '/data/a/b'], '/data'],
])('opens only the folder around %j', (paths, folder) => {
  expect(findCommonFolder(paths)).toBe(folder);
});
