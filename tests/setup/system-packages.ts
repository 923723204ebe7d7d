import { type SpawnSyncOptions, spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** A command that npm cannot bring, and the Debian package that has it. */
export interface SystemCommand {
  readonly command: string;
  readonly debianPackage: string;
}

/** What the tests' servers and clients need beyond npm, by which PostgreSQL and DuckDB come. */
export const TEST_COMMANDS: readonly SystemCommand[] = [
  { command: 'sshd', debianPackage: 'openssh-server' },
  { command: 'pgbouncer', debianPackage: 'pgbouncer' },
];

/** True where we may install what is missing, and where therefore nothing may be skipped. */
export function canInstallPackages(): boolean {
  return process.getuid?.() === 0 && existsSync('/etc/debian_version');
}

export function hasCommand(command: string): boolean {
  return findCommand(command) !== undefined;
}

/** Path of the command in the first of PATH's folders that holds it; Debian keeps servers' commands out of a user's PATH. */
export function findCommand(command: string): string | undefined {
  const folders = `${process.env.PATH ?? ''}${delimiter}/usr/sbin`.split(delimiter);
  return folders.map((folder) => join(folder, command)).find(isExecutable);
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/**
 * Installs the packages of missing commands where we may (root on Debian).
 * @returns one sentence for each command that is still missing, saying what to install
 */
export function provideCommands(commands: readonly SystemCommand[]): string[] {
  const missing = commands.filter(({ command }) => !hasCommand(command));
  if (missing.length > 0 && canInstallPackages()) installPackages(missing.map(({ debianPackage }) => debianPackage));
  return missing
    .filter(({ command }) => !hasCommand(command))
    .map(
      ({ command, debianPackage }) => `${command} is missing: install it (Debian: apt-get install ${debianPackage}).`,
    );
}

function installPackages(packages: readonly string[]): void {
  const options: SpawnSyncOptions = {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    timeout: 300_000,
  };
  spawnSync('apt-get', ['update', '-qq'], options);
  spawnSync('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...packages], options);
}
