import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { identifyProcess, isAlive } from './process-identity.ts';
import { takeProcessLock } from './process-lock.ts';

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-lock-'));
  path = join(folder, 'server.lock');
});
afterEach(() => rmSync(folder, { recursive: true }));

/** Starts a process that takes the lock, says what came of it, and lives until its input ends. */
function startTaker() {
  const module = new URL('./process-lock.ts', import.meta.url).href;
  const script = `const { takeProcessLock } = await import(${JSON.stringify(module)});
    const { holder } = takeProcessLock(${JSON.stringify(path)});
    console.log(holder === undefined ? 'locked' : 'held by ' + holder.pid);
    process.stdin.resume();`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['pipe', 'pipe', 'inherit'] });
  const said = once(child.stdout, 'data').then(([data]) => String(data).trim());
  const ended = once(child, 'exit');
  return { child, said, ended };
}

it('names the living process that has the lock', async () => {
  const taker = startTaker();
  expect(await taker.said).toBe('locked');
  expect(takeProcessLock(path).holder?.pid).toBe(taker.child.pid);
  taker.child.stdin.end();
  await taker.ended;
});

it('takes over from a process that was killed', async () => {
  const taker = startTaker();
  expect(await taker.said).toBe('locked');
  taker.child.kill('SIGKILL');
  await taker.ended;
  expect(existsSync(path)).toBe(true);
  expect(takeProcessLock(path).lock).toBeDefined();
});

it('does not mistake a process that got the number of a dead one for it', () => {
  writeFileSync(path, JSON.stringify({ pid: process.ppid, startedAt: 'another boot 1' }));
  expect(takeProcessLock(path).lock).toBeDefined();
});

it.each(['', '{"pid":', '[]', '{"pid":"1"}'])('takes over a damaged lock file: %j', (text) => {
  writeFileSync(path, text);
  expect(takeProcessLock(path).lock).toBeDefined();
});

it('goes to exactly one of several processes that race for a dead holder’s lock', async () => {
  writeFileSync(path, JSON.stringify({ pid: process.pid, startedAt: 'another boot 1' }));
  const takers = Array.from({ length: 4 }, startTaker);
  const said = await Promise.all(takers.map((taker) => taker.said));
  const winner = takers[said.indexOf('locked')];
  expect(said.toSorted()).toEqual([...Array(3).fill(`held by ${winner?.child.pid}`), 'locked']);
  for (const { child } of takers) child.stdin.end();
  await Promise.all(takers.map(({ ended }) => ended));
});

it('releases only its own file, and leaves nothing else', () => {
  const { lock } = takeProcessLock(path);
  expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual(identifyProcess(process.pid));
  lock?.release();
  expect(readdirSync(folder)).toEqual([]);
  writeFileSync(path, 'somebody else');
  lock?.release();
  expect(readFileSync(path, 'utf8')).toBe('somebody else');
});

it('sees that a process has ended', async () => {
  const taker = startTaker();
  await taker.said;
  const identity = identifyProcess(taker.child.pid ?? 0);
  if (identity === undefined) throw new Error('the child does not live');
  expect(isAlive(identity)).toBe(true);
  taker.child.stdin.end();
  await taker.ended;
  expect(isAlive(identity)).toBe(false);
});
