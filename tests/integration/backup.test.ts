import { execFile } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gunzipSync } from 'node:zlib';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../setup/databases.ts';
import { createTestHome, type MillraceProcess, startMillrace, type TestHome } from '../setup/millrace.ts';
import { type Ended, makeSync, postgresConfiguration, untilEnded } from '../setup/syncs.ts';

const LIMIT_MS = 90_000;
const MAIN = join(import.meta.dirname, '../../src/main.ts');
const run = promisify(execFile);

let source: TestDatabase;
let destination: TestDatabase;
let home: TestHome;
let server: MillraceProcess;
let syncId: string;
let file: string;

beforeAll(async () => {
  [source, destination] = [await createTestDatabase(), await createTestDatabase()];
  await query(
    source.ownerUrl,
    `CREATE TABLE items (id int PRIMARY KEY, seen timestamptz NOT NULL DEFAULT now());
    INSERT INTO items SELECT n FROM generate_series(1, 100) n`,
  );
  home = await createTestHome();
  server = await startMillrace(home);
  const ends = {
    source: source.ownerUrl,
    destination: ['postgresql', postgresConfiguration(destination.ownerUrl)] as const,
  };
  const schemas = [{ id: 'public.items', tracking_field: 'seen' }];
  ({ id: syncId } = await makeSync(server, { name: 'items', ...ends, schemas }, soon()));
  await start(server);
  file = join(home.folder, 'metadata.backup');
}, LIMIT_MS);

afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await home[Symbol.asyncDispose]();
  await source[Symbol.asyncDispose]();
  await destination[Symbol.asyncDispose]();
}, LIMIT_MS);

const soon = () => AbortSignal.timeout(LIMIT_MS);

async function start(on: MillraceProcess): Promise<Ended> {
  const { id } = await on.client.startBulkSync(syncId, {}, soon());
  return untilEnded(on, syncId, id, soon());
}

async function query(url: string, sql: string): Promise<Record<string, string>[]> {
  const client = new pg.Client(url);
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}

/** A command in a process of its own, with a home and no other setting. */
async function millrace(folder: string, ...args: string[]): Promise<{ code: number; output: string; errors: string }> {
  const environment = Object.entries(process.env).filter(([name]) => !/^(MILLRACE_|DATABASE_URL$)/.test(name));
  const env = { ...Object.fromEntries(environment), MILLRACE_HOME: folder };
  return run(process.execPath, [MAIN, ...args], { env, timeout: LIMIT_MS }).then(
    ({ stdout, stderr }) => ({ code: 0, output: stdout, errors: stderr }),
    (error) => ({ code: error.code, output: error.stdout, errors: error.stderr }),
  );
}

describe('a backup that is older than what its destinations hold', () => {
  it(
    'is made while the server runs, and lets the next execution win on another machine',
    async () => {
      expect(await millrace(home.folder, 'backup', file, '--with-key')).toMatchObject({ code: 0 });
      expect(statSync(file).mode & 0o777).toBe(0o600);
      expect(gunzipSync(readFileSync(file)).toString()).toMatch(/^#backup /);
      expect(await millrace(home.folder, 'doctor')).toMatchObject({
        code: 0,
        output: expect.stringMatching(/embedded database.*\n(.*\n)*.*master key .*opens the stored secrets/),
      });
      // The installation that will be lost goes on.
      for (let times = 0; times < 2; times += 1) expect((await start(server)).execution.status).toBe('completed');
      expect(await millrace(home.folder, 'restore', file, '--replace')).toMatchObject({
        code: 1,
        errors: expect.stringContaining('Another server'),
      });
      await server.kill();

      const other = await createTestHome();
      onTestFinished(() => other[Symbol.asyncDispose]());
      const restored = await millrace(other.folder, 'restore', file);
      expect(restored).toMatchObject({ code: 0, output: expect.stringContaining('master.key') });
      const second = await startMillrace(other);
      onTestFinished(() => second[Symbol.asyncDispose]());
      const { execution, receipt } = await start(second);
      expect(execution.status).toBe('completed');
      // Not a delta: what the destination holds is not what the restored cursor says.
      expect(receipt).toMatchObject({ verdict: 'equal', schemas: [{ scope: 'snapshot' }] });

      await query(destination.ownerUrl, `UPDATE __millrace.fences SET generation = 1000000000000`);
      const ahead = await start(second);
      expect(ahead.execution).toMatchObject({
        status: 'failed',
        status_message: expect.stringMatching(/newer load of public.items than this metadata database knows of/),
      });
    },
    2 * LIMIT_MS,
  );

  it(
    'does not replace a file, nor a database that is not empty',
    async () => {
      await server.kill();
      const again = await millrace(home.folder, 'backup', file);
      expect(again).toMatchObject({ code: 1, errors: expect.stringContaining('there is a file of that name') });
      const refused = await millrace(home.folder, 'restore', file);
      expect(refused).toMatchObject({ code: 1, errors: expect.stringContaining('--replace') });
      expect(await millrace(home.folder, 'restore', file, '--replace')).toMatchObject({ code: 0 });
      const unwritable = await millrace(home.folder, 'backup', join(home.folder, 'no-such-folder', 'file'));
      expect(unwritable).toMatchObject({
        code: 1,
        errors: expect.stringMatching(/^Could not use .*ENOENT.*Name another file/),
      });
      const shown = await millrace(home.folder, 'backup', `${file}.2`, '--json');
      expect(JSON.parse(shown.output)).toEqual({ file: `${file}.2`, with_key: false });
      const damaged = await millrace(home.folder, 'restore', MAIN, '--replace');
      expect(damaged).toMatchObject({ code: 1, errors: expect.stringContaining('no whole backup') });
    },
    2 * LIMIT_MS,
  );
});
