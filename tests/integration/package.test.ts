import { type ChildProcessWithoutNullStreams, execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestDatabase, queryDatabase } from '../setup/databases.ts';
import { FaultProxy } from '../setup/fault-proxy.ts';
import { createTestHome, type TestHome } from '../setup/homes.ts';
import { createTestHome as createServerHome, startMillrace, waitFor } from '../setup/millrace.ts';
import { makeSync, postgresConfiguration, untilEnded } from '../setup/syncs.ts';

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

async function serve(settings: Readonly<Record<string, string>> = {}): Promise<Served> {
  const env = {
    PATH: process.env.PATH,
    HOME: process.env.HOME,
    MILLRACE_HOME: join(temporary.path, 'home'),
    MILLRACE_PORT: '0',
    ...settings,
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
  });

  it('stops the server when its launcher is killed', async () => {
    const { child, url } = await serve();
    // The server holds the other end of these pipes: they close when it is gone too.
    const gone = once(child.stdout, 'close');
    child.stdout.resume();
    child.kill('SIGKILL');
    await gone;
    await expect(fetch(`${url}/healthz`)).rejects.toThrow();
    expect(existsSync(join(temporary.path, 'home', 'server.lock'))).toBe(false);
  });
});

describe('two builds on one metadata database', () => {
  const LIMIT_MS = 120_000;
  const TABLES = ['ash', 'beech', 'cedar', 'elm', 'fir', 'oak'];

  it(
    'work on one execution together, and the one ends what the other gives back',
    async () => {
      const signal = AbortSignal.timeout(LIMIT_MS);
      nameBuild('99.0.0');
      await using metadata = await createTestDatabase();
      await using source = await createTestDatabase();
      await using destination = await createTestDatabase();
      await using door = await FaultProxy.open(source.ownerUrl);
      for (const name of TABLES) await queryDatabase(source.ownerUrl, makeTable(name));
      const shared = { DATABASE_URL: metadata.url, MILLRACE_ENCRYPTION_KEY: randomBytes(32).toString('hex') };
      await using home = await createServerHome();
      await using older = await startMillrace(home, shared);
      const newer = await serve({ ...shared, MILLRACE_ROLE: 'worker', MILLRACE_HOME: join(temporary.path, 'newer') });
      try {
        const schemas = TABLES.map((name) => `public.${name}`);
        const to = ['postgresql', postgresConfiguration(destination.ownerUrl)] as const;
        const options = { concurrency_limit: 4 };
        const given = { name: 'two builds', source: door.through(source.ownerUrl), destination: to, schemas, options };
        const { id: syncId } = await makeSync(older, given, signal);
        door.slow({ bytesPerSecond: 300_000 });
        const { id } = await older.client.startBulkSync(syncId, {}, signal);
        const listBuilds = () =>
          queryDatabase(
            metadata.url,
            `SELECT DISTINCT w.build FROM segments s JOIN workers w ON w.id = s.worker_id WHERE s.execution_id = '${id}' ORDER BY 1`,
          );
        await waitFor(async () => ((await listBuilds()).length === 2 ? true : null), signal);
        newer.child.kill('SIGTERM');
        expect(await newer.ended).toEqual([0, null]);
        door.slow({});
        const { execution, receipt } = await untilEnded(older, syncId, id, signal);
        expect([execution.status, receipt?.verdict]).toEqual(['completed', 'equal']);
        expect(await listBuilds()).toContainEqual([MANIFEST.version]);
      } finally {
        newer.child.kill('SIGKILL');
      }
    },
    LIMIT_MS,
  );

  function nameBuild(version: string): void {
    const path = join(dirname(dirname(command)), 'package.json');
    writeFileSync(path, JSON.stringify({ ...JSON.parse(readFileSync(path, 'utf8')), version }));
  }

  const makeTable = (name: string) =>
    `CREATE TABLE ${name} (id int PRIMARY KEY, note text); INSERT INTO ${name} SELECT i, repeat(md5(i::text), 16) FROM generate_series(1, 3000) i`;
});
