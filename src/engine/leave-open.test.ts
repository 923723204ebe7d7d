import { expect, it } from 'vitest';
import { leaveOpenWhenDraining } from './leave-open.ts';

const failing = (): Promise<string> => Promise.reject(new Error('the metadata database is gone'));

it('tells of a failure while the process goes on', async () => {
  await expect(leaveOpenWhenDraining(failing(), new AbortController().signal)).rejects.toThrow('gone');
});

it('gives no answer when work fails in a process that stops', async () => {
  const answered = leaveOpenWhenDraining(failing(), AbortSignal.abort()).then(
    () => 'ended',
    () => 'failed',
  );
  // Far behind everything that the failure could set off.
  const later = new Promise<string>((resolve) => setImmediate(() => resolve('open')));
  expect(await Promise.race([answered, later])).toBe('open');
});
