import { type ChildProcessWithoutNullStreams, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestHome, type TestHome } from '../setup/homes.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const MANIFEST: { version: string; dependencies: object; optionalDependencies: object } = JSON.parse(
  readFileSync(join(ROOT, 'package.json'), 'utf8'),
);

let temporary: TestHome;
let command: string;

/** Packs this checkout and unpacks it as npm would, among its own dependencies and nothing else. */
beforeAll(() => {
  temporary = createTestHome();
  const modules = join(temporary.path, 'node_modules');
  const installed = join(modules, 'millrace');
  mkdirSync(installed, { recursive: true });
  const [packed] = JSON.parse(
    execFileSync('npm', ['pack', '--json', '--silent', '--pack-destination', temporary.path], {
      cwd: ROOT,
      encoding: 'utf8',
    }),
  );
  execFileSync('tar', ['-xzf', join(temporary.path, packed.filename), '-C', installed, '--strip-components=1']);
  for (const name of Object.keys({ ...MANIFEST.dependencies, ...MANIFEST.optionalDependencies })) {
    const target = join(ROOT, 'node_modules', name);
    if (!existsSync(target)) continue;
    mkdirSync(dirname(join(modules, name)), { recursive: true });
    symlinkSync(target, join(modules, name));
  }
  command = join(installed, 'bin', 'millrace.mjs');
}, 120_000);

afterAll(() => temporary[Symbol.dispose]());

interface Served {
  readonly child: ChildProcessWithoutNullStreams;
  readonly url: string;
  readonly ended: Promise<unknown[]>;
}

async function serve(): Promise<Served> {
  const env = {
    PATH: process.env.PATH,
    HOME: process.env.HOME,
    MILLRACE_HOME: join(temporary.path, 'home'),
    MILLRACE_PORT: '0',
  };
  const child = spawn(process.execPath, [command, 'serve'], { env, cwd: temporary.path });
  const ended = once(child, 'exit');
  const said: string[] = [];
  child.stderr.on('data', (data) => said.push(String(data)));
  for await (const line of createInterface(child.stdout)) {
    said.push(line);
    const url = /answers at (\S+)/.exec(line)?.[1];
    if (url !== undefined) return { child, url, ended };
  }
  throw new Error(`the packed server ended: ${said.join('\n')}`);
}

describe('the packed command', () => {
  it('says its version', () => {
    const said = execFileSync(process.execPath, [command, '--version'], { encoding: 'utf8', cwd: temporary.path });
    expect(said.trim()).toBe(MANIFEST.version);
  });

  it('carries neither sources nor tests', () => {
    const installed = dirname(dirname(command));
    expect(existsSync(join(installed, 'dist', 'main.js'))).toBe(true);
    expect(existsSync(join(installed, 'src'))).toBe(false);
    expect(existsSync(join(installed, 'bin', 'launcher.test.ts'))).toBe(false);
  });

  it('serves, stops in order on SIGTERM, and serves again', async () => {
    const first = await serve();
    expect((await fetch(`${first.url}/healthz`)).status).toBe(200);
    first.child.kill('SIGTERM');
    expect(await first.ended).toEqual([0, null]);
    const second = await serve();
    expect((await fetch(`${second.url}/healthz`)).status).toBe(200);
    second.child.kill('SIGTERM');
    expect(await second.ended).toEqual([0, null]);
  }, 60_000);

  it('stops the server when its launcher is killed', async () => {
    const { child, url } = await serve();
    // The server holds the other end of these pipes: they close when it is gone too.
    const gone = once(child.stdout, 'close');
    child.stdout.resume();
    child.kill('SIGKILL');
    await gone;
    await expect(fetch(`${url}/healthz`)).rejects.toThrow();
    expect(existsSync(join(temporary.path, 'home', 'server.lock'))).toBe(false);
  }, 60_000);
});
