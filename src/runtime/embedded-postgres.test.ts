import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdtempSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { findPostmaster, stopPostmaster } from './embedded-postgres/postmaster.ts';
import { type EmbeddedPostgres, startEmbeddedPostgres } from './embedded-postgres.ts';
import { prepareHome } from './home.ts';
import { createLogger } from './logger.ts';
import { identifyProcess, isAlive } from './process-identity.ts';

const log = createLogger({ level: 'silent' });
let root: string;
let home: string;
let dataFolders: Set<string>;

// Making a database writes it to the disk, which a busy machine can take its time for.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

function makeHome(): void {
  root = mkdtempSync(join(tmpdir(), 'millrace-embedded-'));
  home = join(root, 'home');
  prepareHome(home);
  dataFolders = new Set();
}

async function removeHome(): Promise<void> {
  for (const folder of dataFolders) {
    const left = findPostmaster(folder);
    if (left !== undefined) await stopPostmaster(left.process);
    if (!folder.startsWith(root)) rmSync(join(folder, '..'), { recursive: true, force: true });
  }
  rmSync(root, { recursive: true });
}

async function start(settings?: Record<string, string>): Promise<EmbeddedPostgres> {
  const server = await startEmbeddedPostgres({ home, log, ...(settings === undefined ? {} : { settings }) });
  dataFolders.add(await dataFolderOf(server));
  return server;
}

async function query(url: string, sql: string): Promise<unknown[]> {
  const client = new pg.Client(url);
  await client.connect();
  try {
    return (await client.query<unknown[]>({ text: sql, rowMode: 'array' })).rows.flat();
  } finally {
    await client.end();
  }
}

async function dataFolderOf(server: EmbeddedPostgres): Promise<string> {
  return String((await query(server.superuserUrl, 'SHOW data_directory'))[0]);
}

/** Starts the server from a process of its own and kills that one. */
async function leaveOrphan(settings: Record<string, string> = {}): Promise<string> {
  const [embedded, logger] = ['./embedded-postgres.ts', './logger.ts'].map(
    (file) => new URL(file, import.meta.url).href,
  );
  const script = `const { startEmbeddedPostgres } = await import(${JSON.stringify(embedded)});
    const { createLogger } = await import(${JSON.stringify(logger)});
    const options = ${JSON.stringify({ home, settings })};
    const server = await startEmbeddedPostgres({ ...options, log: createLogger({ level: 'silent' }) });
    process.stdout.write(server.superuserUrl, () => process.kill(process.pid, 'SIGKILL'));`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [[url]] = await Promise.all([once(child.stdout, 'data'), once(child, 'exit')]);
  const dataFolder = String((await query(String(url), 'SHOW data_directory'))[0]);
  dataFolders.add(dataFolder);
  return dataFolder;
}

describe('on one home', () => {
  beforeAll(makeHome);
  afterAll(removeHome);

  it('keeps its data over a stop, and gives the owner no more than a database', async () => {
    const first = await start();
    expect(first.adopted).toBe(false);
    await query(first.url, "CREATE TABLE t AS SELECT 'kept' AS word");
    await first.stop();
    await first.stop();
    const second = await start();
    expect(await query(second.url, 'SELECT word FROM t')).toEqual(['kept']);
    const facts = `SELECT current_database(), rolsuper, rolcreatedb, current_setting('server_encoding'), current_setting('data_checksums'),
    current_setting('wal_level'), current_setting('fsync'), current_setting('TimeZone') FROM pg_roles WHERE rolname = current_user`;
    expect(await query(second.url, facts)).toEqual(['millrace', false, false, 'UTF8', 'on', 'logical', 'on', 'UTC']);
    expect(await query(second.superuserUrl, 'SELECT current_user')).toEqual(['postgres']);
    await second.stop();
  });

  it('listens on loopback only and hides its passwords', async () => {
    const server = await start();
    const outside = Object.values(networkInterfaces())
      .flat()
      .filter((address) => address?.internal === false && address.family === 'IPv4');
    for (const address of outside) {
      const socket = createConnection({ host: address?.address ?? '', port: server.port });
      const [error] = await once(socket, 'error');
      expect(error).toMatchObject({ code: 'ECONNREFUSED' });
    }
    expect(statSync(join(home, 'embedded/metadata/passwords.json')).mode & 0o777).toBe(0o600);
    await expect(query(server.url.replace(/:[^:@]+@/, ':wrong@'), 'SELECT 1')).rejects.toThrow(
      /password authentication/,
    );
    await server.stop();
  });

  it('is reached without TLS, also where PGSSLMODE asks other servers for it', async () => {
    vi.stubEnv('PGSSLMODE', 'require');
    try {
      const server = await start();
      expect(await query(server.url, 'SELECT 1')).toEqual([1]);
      await server.stop();
    } finally {
      vi.unstubAllEnvs();
    }
  });

  it('takes over a server whose process was killed', async () => {
    const dataFolder = await leaveOrphan();
    const orphan = findPostmaster(dataFolder);
    const server = await start();
    expect(server).toMatchObject({ adopted: true, port: orphan?.port });
    expect(findPostmaster(dataFolder)?.process).toEqual(orphan?.process);
    await server.stop();
    expect(findPostmaster(dataFolder)).toBeUndefined();
  });

  it('replaces a server left behind that was started otherwise', async () => {
    const dataFolder = await leaveOrphan({ max_connections: '50' });
    const orphan = findPostmaster(dataFolder);
    const server = await start();
    expect(server.adopted).toBe(false);
    expect(orphan !== undefined && isAlive(orphan.process)).toBe(false);
    expect(await query(server.url, 'SHOW max_connections')).toEqual(['200']);
    await server.stop();
  });

  it('starts although another process got the number of a server that died', async () => {
    const server = await start();
    const dataFolder = await dataFolderOf(server);
    const pidFile = join(dataFolder, 'postmaster.pid');
    const lines = readFileSync(pidFile, 'utf8').split('\n');
    await server.stop();
    writeFileSync(pidFile, [process.pid, ...lines.slice(1)].join('\n'));
    const again = await start();
    expect(again.adopted).toBe(false);
    expect(identifyProcess(process.pid)).toBeDefined();
    await again.stop();
  });

  it('has one owner at a time, named to the second', async () => {
    const server = await start();
    await expect(startEmbeddedPostgres({ home, log })).rejects.toMatchObject({
      code: 'HOME_IN_USE',
      message: expect.stringContaining(`process, ${process.pid},`),
    });
    await server.stop();
  });

  it('runs several servers under one home', async () => {
    const server = await start();
    const demo = await startEmbeddedPostgres({ home, name: 'demo', log });
    dataFolders.add(await dataFolderOf(demo));
    expect(await dataFolderOf(demo)).not.toBe(await dataFolderOf(server));
    await Promise.all([server.stop(), demo.stop()]);
  });

  it('refuses data of another major version in one sentence', async () => {
    const server = await start();
    const dataFolder = await dataFolderOf(server);
    await server.stop();
    const versionFile = join(dataFolder, 'PG_VERSION');
    writeFileSync(versionFile, '17\n');
    await expect(startEmbeddedPostgres({ home, log })).rejects.toMatchObject({
      code: 'EMBEDDED_DATABASE_VERSION',
      message: expect.stringMatching(/was made by PostgreSQL 17, and this Millrace brings PostgreSQL 18/),
    });
    writeFileSync(versionFile, '18\n');
  });

  it('says what the server said when it does not start, and frees the home', async () => {
    const broken = startEmbeddedPostgres({ home, log, settings: { shared_buffers: 'plenty' } });
    await expect(broken).rejects.toMatchObject({
      code: 'EMBEDDED_DATABASE_FAILED',
      message: expect.stringMatching(/did not start: invalid value for parameter "shared_buffers": "plenty"/),
    });
    const server = await start();
    await server.stop();
  });

  it('asks for lost passwords instead of making new ones over existing data', async () => {
    const server = await start();
    await server.stop();
    const passwordFile = join(home, 'embedded/metadata/passwords.json');
    renameSync(passwordFile, `${passwordFile}.lost`);
    await expect(startEmbeddedPostgres({ home, log })).rejects.toMatchObject({
      code: 'EMBEDDED_DATABASE_FAILED',
      message: expect.stringContaining('passwords.json'),
    });
    renameSync(`${passwordFile}.lost`, passwordFile);
  });
});

describe('on a home of its own', () => {
  beforeEach(makeHome);
  afterEach(removeHome);

  it('finds its data after the home was moved', async () => {
    const server = await start();
    await query(server.url, "CREATE TABLE t AS SELECT 'kept' AS word");
    await server.stop();
    const moved = join(root, 'moved');
    renameSync(home, moved);
    home = moved;
    const again = await start();
    expect(await query(again.url, 'SELECT word FROM t')).toEqual(['kept']);
    await again.stop();
  });

  it('never opens the data of one home from a copy of it', async () => {
    const server = await start();
    await query(server.url, 'CREATE TABLE t AS SELECT 1 AS n');
    await server.stop();
    const original = home;
    home = join(root, 'copy');
    // With the modes, which PostgreSQL insists on where the data lie in the home itself.
    execFileSync('cp', ['-a', original, home]);
    const isElsewhere = existsSync(join(home, 'embedded/metadata/data-folder'));
    if (isElsewhere) {
      await expect(startEmbeddedPostgres({ home, log })).rejects.toMatchObject({
        message: expect.stringMatching(/looks like a copy/),
      });
    } else {
      const copy = await start();
      await query(copy.url, 'DROP TABLE t');
      await copy.stop();
    }
    home = original;
    const again = await start();
    expect(await query(again.url, 'SELECT n FROM t')).toEqual([1]);
    await again.stop();
  });

  it('starts empty on a home that was deleted, and stops the server that the old one left', async () => {
    const oldFolder = await leaveOrphan();
    const orphan = findPostmaster(oldFolder);
    const isElsewhere = !oldFolder.startsWith(home);
    if (!isElsewhere && orphan !== undefined) await stopPostmaster(orphan.process);
    rmSync(home, { recursive: true });
    prepareHome(home);
    const lines: string[] = [];
    const server = await startEmbeddedPostgres({
      home,
      log: createLogger({ output: { write: (line) => lines.push(line) } }),
    });
    const newFolder = await dataFolderOf(server);
    dataFolders.add(newFolder);
    expect(server.adopted).toBe(false);
    expect(orphan !== undefined && isAlive(orphan.process)).toBe(false);
    expect(lines.some((line) => line.includes(join(oldFolder, '..')))).toBe(isElsewhere);
    await server.stop();
  });

  it('keeps data in the home when the server’s account may enter it', async () => {
    for (const folder of [root, home]) chmodSync(folder, 0o755);
    const server = await start();
    expect(await dataFolderOf(server)).toBe(join(home, 'embedded/metadata/data'));
    await server.stop();
  });
});
