import { type ChildProcessWithoutNullStreams, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findNode, findTool } from './find-node.mjs';

const LAUNCHER = join(import.meta.dirname, 'with-node.mjs');
/** Makes the Node that runs the launcher, not the one it finds, believe it is old. */
const AS_OLD_NODE = `--import=data:text/javascript,${encodeURIComponent(
  'Object.defineProperty(process, "versions", { value: { ...process.versions, node: "20.1.0" } })',
)}`;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-launcher-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

function writeScript(text: string): string {
  const path = join(folder, 'script.mjs');
  writeFileSync(path, text);
  return path;
}

/** Resolves when the process has written `text`. */
async function said(child: ChildProcessWithoutNullStreams, text: string): Promise<void> {
  let heard = '';
  for await (const data of child.stdout.iterator({ destroyOnReturn: false })) {
    heard += String(data);
    if (heard.includes(text)) return;
  }
  throw new Error(`it ended having said: ${heard}`);
}

/** Counts how often it is interrupted, and says so when asked by a line. */
const COUNTER = `let count = 0;
process.on('SIGINT', () => console.log('interrupted ' + ++count));
process.on('SIGTERM', () => process.exit(9));
process.stdin.on('data', () => { console.log('count ' + count); process.exit(3); });
console.log('ready');`;

describe('findNode', () => {
  it('takes the Node at hand when it is new enough', () => {
    expect(findNode(folder, '24.0.0')).toBe(process.execPath);
    expect(findNode(folder, '25.1.0')).toBe(process.execPath);
  });

  it('takes the Node that npm installed when the one at hand is old, also from a folder above', () => {
    const name = `node-${process.platform}-${process.arch}`;
    const node = join(folder, 'node_modules', name, 'bin', 'node');
    expect(findNode(folder, '20.20.2')).toBeUndefined();
    mkdirSync(join(node, '..'), { recursive: true });
    writeFileSync(node, '');
    writeFileSync(join(folder, 'node_modules', name, 'package.json'), '{}');
    expect(findNode(join(folder, 'node_modules', 'millrace', 'bin'), '20.20.2')).toBe(node);
  });
});

describe('findTool', () => {
  it.each([
    ['{"bin":"one.js"}', 'one.js'],
    ['{"bin":{"tool":"two.js"}}', 'two.js'],
  ])('reads the entry from %s', (manifest, entry) => {
    const home = join(folder, 'node_modules', 'some');
    mkdirSync(home, { recursive: true });
    writeFileSync(join(home, 'package.json'), manifest);
    expect(findTool('some', 'tool', folder)).toBe(join(home, entry));
    expect(findTool('other', 'tool', folder)).toBeUndefined();
  });
});

describe('with-node', () => {
  it('passes arguments and exit code through, with its Node first on PATH', () => {
    const script = writeScript(`import { execFileSync } from 'node:child_process';
      const node = execFileSync('node', ['-p', 'process.execPath'], { encoding: 'utf8' }).trim();
      console.log(JSON.stringify([process.argv.slice(2), node === process.execPath]));
      process.exit(7);`);
    const { status, stdout } = spawnSync(process.execPath, [LAUNCHER, script, 'a', '--b=c d'], { encoding: 'utf8' });
    expect(JSON.parse(stdout)).toEqual([['a', '--b=c d'], true]);
    expect(status).toBe(7);
  });

  it('runs a tool by its name', () => {
    const { status, stdout } = spawnSync(process.execPath, [LAUNCHER, 'tsc', '--version'], { encoding: 'utf8' });
    expect({ status, stdout }).toEqual({ status: 0, stdout: expect.stringMatching(/^Version 7/) });
  });

  it('names a tool that is not there', () => {
    const { status, stderr } = spawnSync(process.execPath, [LAUNCHER, 'no-such-tool'], { encoding: 'utf8' });
    expect({ status, stderr }).toEqual({ status: 1, stderr: expect.stringContaining('"no-such-tool"') });
  });

  it('says in one sentence that Node 24 is missing', () => {
    cpSync(import.meta.dirname, join(folder, 'bin'), { recursive: true });
    const copy = join(folder, 'bin', 'with-node.mjs');
    const { status, stderr } = spawnSync(process.execPath, [AS_OLD_NODE, copy, writeScript('')], { encoding: 'utf8' });
    expect({ status, stderr }).toEqual({
      status: 1,
      stderr: 'Millrace needs Node 24, and this is Node 20.1.0: install Node 24.\n',
    });
  });

  it('ends as its child did when a signal ended that', () => {
    const script = writeScript(`process.kill(process.pid, 'SIGKILL');`);
    expect(spawnSync(process.execPath, [LAUNCHER, script]).status).toBe(137);
  });

  it.each([
    ['SIGTERM', 9],
    ['SIGINT', 3],
  ] as const)('forwards %s sent to it alone, once, and waits', async (signal, code) => {
    const child = spawn(process.execPath, [LAUNCHER, writeScript(COUNTER)]);
    const ended = once(child, 'exit');
    await said(child, 'ready');
    child.kill(signal);
    if (signal === 'SIGINT') {
      await said(child, 'interrupted 1');
      child.stdin.write('\n');
      await said(child, 'count 1');
    }
    expect((await ended)[0]).toBe(code);
  });

  it('leaves Ctrl-C in a terminal to the terminal, which tells the child once', async () => {
    // A shell that forks instead would hear Ctrl-C too and answer for its child.
    const command = `exec ${process.execPath} ${LAUNCHER} ${writeScript(COUNTER)}`;
    const terminal = spawn('script', ['-qec', command, '/dev/null']);
    const ended = once(terminal, 'exit');
    await said(terminal, 'ready');
    terminal.stdin.write('\x03');
    await said(terminal, 'interrupted 1');
    terminal.stdin.write('\n');
    await said(terminal, 'count 1');
    expect((await ended)[0]).toBe(3);
  });
});
