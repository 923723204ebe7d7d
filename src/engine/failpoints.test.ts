import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { expect, it } from 'vitest';
import { SyncError } from '../core/index.ts';
import { createFailpoints } from './failpoints.ts';

const MODULE = new URL('./failpoints.ts', import.meta.url).href;

it('does nothing at points that are not named', () => {
  const failpoint = createFailpoints('');
  expect(() => failpoint('before-commit')).not.toThrow();
});

it('fails like a broken connection at a point set to fail, and only there', () => {
  const failpoint = createFailpoints('before-commit=fail');
  expect(() => failpoint('after-commit')).not.toThrow();
  expect(() => failpoint('before-commit')).toThrow(SyncError);
});

it('acts from the visit that is asked for', () => {
  const failpoint = createFailpoints(' after-commit@3 = fail ; before-commit=fail');
  failpoint('after-commit');
  failpoint('after-commit');
  expect(() => failpoint('after-commit')).toThrow('after-commit');
  expect(() => failpoint('after-commit')).toThrow('after-commit');
});

it('ends the process by SIGKILL, without a last word', () => {
  const script = `const { createFailpoints } = await import(${JSON.stringify(MODULE)});
    process.on('exit', () => console.log('exit handlers ran'));
    createFailpoints('planned=exit')('planned');
    console.log('still here');`;
  const child = spawnSync(process.execPath, ['--input-type=module', '-e', script], { timeout: 20_000 });
  expect([child.signal, String(child.stdout)]).toEqual(['SIGKILL', '']);
});

it('waits until the file exists', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-failpoint-'));
  const file = join(folder, 'go');
  const script = `const { parentPort } = require('node:worker_threads');
    import(${JSON.stringify(MODULE)}).then(({ createFailpoints }) => {
      parentPort.postMessage('before');
      createFailpoints('before-digest=wait:' + ${JSON.stringify(file)})('before-digest');
      parentPort.postMessage(require('node:fs').existsSync(${JSON.stringify(file)}));
    });`;
  const worker = new Worker(script, { eval: true });
  const messages: unknown[] = [];
  await new Promise((resolve, reject) => {
    worker.on('error', reject).on('exit', resolve);
    worker.on('message', (message) => {
      messages.push(message);
      if (message === 'before') writeFileSync(file, '');
    });
  });
  rmSync(folder, { recursive: true });
  expect(messages).toEqual(['before', true]);
});
