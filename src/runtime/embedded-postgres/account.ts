import { spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { SyncError } from '../../core/index.ts';

/** The operating-system user that PostgreSQL runs as. Empty: the user we run as. */
export interface ServerAccount {
  readonly uid?: number;
  readonly gid?: number;
}

const NAME = 'postgres';

/**
 * PostgreSQL refuses to run as root, so root gets the system user `postgres`, made when it is missing.
 * Everybody else runs it as themselves.
 */
export function findServerAccount(): ServerAccount {
  if (process.getuid?.() !== 0) return {};
  const account = lookUp() ?? createAccount();
  if (account !== undefined) return account;
  throw new SyncError(
    'EMBEDDED_DATABASE_FAILED',
    `PostgreSQL does not run as root, and the system user ${NAME} could not be made. Run \`useradd --system ${NAME}\`, start as an ordinary user, or set DATABASE_URL.`,
  );
}

/** True when the account may read the file or enter the folder, every folder above it included. */
export function canReach(account: ServerAccount, path: string): boolean {
  if (account.uid === undefined) return isReadable(path);
  // Asking the system as that user is the only answer that counts groups and access lists too.
  return (
    spawnSync('/bin/sh', ['-c', 'test -r "$0" && { test ! -d "$0" || test -x "$0"; }', path], asAccount(account))
      .status === 0
  );
}

/**
 * Options to run a PostgreSQL program as the account. The folder that we were started in may be closed to it, and our
 * environment holds secrets, so it gets neither.
 */
export function asAccount(account: ServerAccount): { cwd: string; env: NodeJS.ProcessEnv; uid?: number; gid?: number } {
  return { cwd: '/', env: { PATH: '/usr/bin:/bin', LC_ALL: 'C' }, ...account };
}

function lookUp(): ServerAccount | undefined {
  const [uid, gid] = ['-u', '-g'].map((flag) => {
    const { status, stdout } = spawnSync('id', [flag, NAME], { encoding: 'utf8' });
    return status === 0 ? Number.parseInt(stdout, 10) : undefined;
  });
  return uid === undefined || gid === undefined ? undefined : { uid, gid };
}

function createAccount(): ServerAccount | undefined {
  spawnSync('useradd', ['--system', '--user-group', '--no-create-home', '--shell', '/usr/sbin/nologin', NAME]);
  return lookUp();
}

function isReadable(path: string): boolean {
  try {
    accessSync(path, constants.R_OK);
    return true;
  } catch {
    return false;
  }
}
