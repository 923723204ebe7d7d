import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { workerUrl } from './worker-url.ts';

it('points beside this room, with our own ending', () => {
  expect(fileURLToPath(workerUrl())).toBe(fileURLToPath(new URL('../worker.ts', import.meta.url)));
});
