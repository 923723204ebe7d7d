import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { findFreePort } from './ssh-server.ts';
import { findCommand } from './system-packages.ts';

/** A real PgBouncer in front of the server of a URL. */
export interface Pooler extends AsyncDisposable {
  /** The URL, through the pooler. */
  readonly url: string;
}

/** What of a server session the pooler lends. */
export type PoolMode = 'session' | 'transaction' | 'statement';

/** Debian's user for services that need no rights; PgBouncer does not run as root. */
const NOBODY = 65_534;

/** Starts it for the user of the URL; dispose it. Needs the command `pgbouncer`. */
export async function startPooler(targetUrl: string, mode: PoolMode, places = 20): Promise<Pooler> {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-pooler-'));
  const target = new URL(targetUrl);
  const port = await findFreePort();
  const password = decodeURIComponent(target.password);
  const settings = `
    [databases]
    * = host=${target.hostname} port=${target.port} user=${target.username} password=${password}
    [pgbouncer]
    listen_addr = 127.0.0.1
    listen_port = ${port}
    unix_socket_dir =
    auth_type = scram-sha-256
    auth_file = ${folder}/users
    pool_mode = ${mode}
    default_pool_size = ${places}`;
  writeFileSync(join(folder, 'settings'), settings.replaceAll(/^ +/gm, ''));
  writeFileSync(join(folder, 'users'), `"${target.username}" "${password}"\n`);
  chmodSync(folder, 0o755);
  const isRoot = process.getuid?.() === 0;
  if (isRoot) for (const name of ['settings', 'users']) chownSync(join(folder, name), NOBODY, NOBODY);
  const account = isRoot ? { uid: NOBODY, gid: NOBODY } : {};
  const pooler = spawn(findCommand('pgbouncer') ?? 'pgbouncer', [join(folder, 'settings')], {
    ...account,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const lines: string[] = [];
  await new Promise<void>((resolve, reject) => {
    createInterface({ input: pooler.stderr }).on('line', (line) => {
      lines.push(line);
      if (line.includes('process up')) resolve();
    });
    pooler.once('exit', () => reject(new Error(`PgBouncer did not start: ${lines.join('; ')}`)));
  });
  const url = new URL(targetUrl);
  url.hostname = '127.0.0.1';
  url.port = String(port);
  return {
    url: url.href,
    async [Symbol.asyncDispose]() {
      pooler.kill('SIGINT');
      if (pooler.exitCode === null) await once(pooler, 'exit');
      rmSync(folder, { recursive: true });
    },
  };
}
