import { existsSync } from 'node:fs';
import { SyncError } from '../core/index.ts';

/**
 * Points where tests make a process die, fail or wait, so that a crash between two named steps can be replayed.
 * The specification is `name=exit`, `name=fail` or `name=wait:<file>` (until the file exists), separated by `;`.
 * Empty in production: then every call is one map look-up.
 */
export function createFailpoints(specification: string): (name: string) => void {
  const actions = new Map(
    specification
      .split(';')
      .filter((part) => part.includes('='))
      .map((part) => [part.slice(0, part.indexOf('=')).trim(), part.slice(part.indexOf('=') + 1).trim()] as const),
  );
  return (name) => {
    const action = actions.get(name);
    if (action === undefined) return;
    if (action === 'exit') process.kill(process.pid, 'SIGKILL');
    if (action === 'fail') throw new SyncError('CONN_LOST', `Failpoint ${name} was reached.`);
    if (action.startsWith('wait:')) waitForFile(action.slice('wait:'.length));
  };
}

function waitForFile(path: string): void {
  const cell = new Int32Array(new SharedArrayBuffer(4));
  while (!existsSync(path)) Atomics.wait(cell, 0, 0, 20);
}
