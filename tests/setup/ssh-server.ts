import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { findCommand } from './system-packages.ts';

/** A real OpenSSH server on a free port of 127.0.0.1, for one user with a key. */
export interface SshServer extends AsyncDisposable {
  readonly port: number;
  readonly username: string;
  /** May forward connections. */
  readonly privateKey: string;
  /** The same, protected by a passphrase. */
  readonly protectedKey: string;
  /** Known to the server, but may not forward connections. */
  readonly restrictedKey: string;
  /** Unknown to the server. */
  readonly strangerKey: string;
  /** As ssh-keygen prints it. */
  readonly fingerprint: string;
  /** As it stands in the `.pub` file. */
  readonly publicHostKey: string;
}

const KEYS = ['host', 'user', 'restricted', 'stranger'] as const;

/** Starts it; dispose it. Needs the command `sshd`. */
export async function startSshServer(): Promise<SshServer> {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-ssh-'));
  for (const name of KEYS) generateKey(join(folder, name));
  copyFileSync(join(folder, 'user'), join(folder, 'protected'));
  run('ssh-keygen', ['-q', '-p', '-P', '', '-N', 'passphrase', '-f', join(folder, 'protected')]);
  const read = (name: string) => readFileSync(join(folder, name), 'utf8');
  writeFileSync(join(folder, 'authorized'), `${read('user.pub')}restrict ${read('restricted.pub')}`);
  const port = await findFreePort();
  const server = await start(folder, port);
  return {
    port,
    username: userInfo().username,
    privateKey: read('user'),
    protectedKey: read('protected'),
    restrictedKey: read('restricted'),
    strangerKey: read('stranger'),
    fingerprint: run('ssh-keygen', ['-l', '-f', join(folder, 'host.pub')]).split(' ')[1] ?? '',
    publicHostKey: read('host.pub'),
    async [Symbol.asyncDispose]() {
      server.kill();
      if (server.exitCode === null) await once(server, 'exit');
      rmSync(folder, { recursive: true });
    },
  };
}

async function start(folder: string, port: number): Promise<ChildProcess> {
  const settings = `
    Port ${port}
    ListenAddress 127.0.0.1
    HostKey ${folder}/host
    AuthorizedKeysFile ${folder}/authorized
    PidFile none
    StrictModes no
    UsePAM no
    PasswordAuthentication no
    KbdInteractiveAuthentication no
    MaxStartups 100`;
  writeFileSync(join(folder, 'config'), settings);
  // Debian's service makes it; sshd gives up its rights in there.
  if (process.getuid?.() === 0) mkdirSync('/run/sshd', { recursive: true });
  const server = spawn(findCommand('sshd') ?? 'sshd', ['-D', '-e', '-f', join(folder, 'config')], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const lines: string[] = [];
  const said = createInterface({ input: server.stderr });
  const listening = new Promise<void>((resolve, reject) => {
    said.on('line', (line) => {
      lines.push(line);
      if (line.includes('Server listening')) resolve();
    });
    server.once('exit', () => reject(new Error(`sshd did not start: ${lines.join('; ')}`)));
  });
  await listening;
  return server;
}

function generateKey(file: string): void {
  run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'test', '-f', file]);
  chmodSync(file, 0o600);
}

function run(command: string, args: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command} failed: ${stderr}`);
  return stdout;
}

/** A port that was free a moment ago. */
export async function findFreePort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port was given');
  return address.port;
}
