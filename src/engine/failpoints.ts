import { existsSync } from 'node:fs';
import { SyncError } from '../core/index.ts';

/**
 * Points where tests make a process die, fail or wait, so that a crash between two named steps can be replayed.
 * The specification is `name=exit`, `name=fail` or `name=wait:<file>` (until the file exists), separated by `;`.
 * `name@3=exit` acts from the third time that this thread comes by. Empty in production: then every call is one look-up.
 *
 * The engine's own points, in the order of a run: `planned`, `prepared`, `before-commit` and `after-commit` of a segment,
 * `before-digest`, `before-publish`, `after-publish`, `before-repair`, `repaired`, `schema-completed`, `settled`; of a
 * verification `before-comparison`. Connectors have further ones.
 */
export function createFailpoints(specification: string): (name: string) => void {
  const points = new Map(
    specification
      .split(';')
      .filter((part) => part.includes('='))
      .map(toPoint),
  );
  return (name) => {
    const point = points.get(name);
    if (point === undefined) return;
    point.visits += 1;
    if (point.visits < point.from) return;
    const { action } = point;
    if (action === 'exit') process.kill(process.pid, 'SIGKILL');
    if (action === 'fail') throw new SyncError('CONN_LOST', `Failpoint ${name} was reached.`);
    if (action.startsWith('wait:')) waitForFile(action.slice('wait:'.length));
  };
}

interface Point {
  readonly from: number;
  readonly action: string;
  visits: number;
}

function toPoint(part: string): readonly [string, Point] {
  const equals = part.indexOf('=');
  const [name = '', from] = part.slice(0, equals).trim().split('@');
  return [name, { from: from === undefined ? 1 : Number(from), action: part.slice(equals + 1).trim(), visits: 0 }];
}

function waitForFile(path: string): void {
  const cell = new Int32Array(new SharedArrayBuffer(4));
  while (!existsSync(path)) Atomics.wait(cell, 0, 0, 20);
}
