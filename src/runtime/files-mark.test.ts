import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { readFilesMark, writeFilesMark } from './files-mark.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-mark-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

it('is found by who sees the folder in which it was written, and nowhere else', () => {
  const root = join(folder, 'deep', 'files');
  expect(readFilesMark(root)).toBeUndefined();
  expect(writeFilesMark(root, 'mark')).toBe('mark');
  expect(readFilesMark(root)).toBe('mark');
  expect(readFilesMark(folder)).toBeUndefined();
  expect(statSync(root).mode & 0o777).toBe(0o700);
});
