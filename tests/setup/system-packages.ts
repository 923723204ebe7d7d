import { type SpawnSyncOptions, spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, readdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** What npm cannot bring, and the Debian package that has it. */
export interface SystemPart {
  readonly name: string;
  readonly debianPackage: string;
  readonly isThere: () => boolean;
}

/** A command, and the Debian package that has it. */
export function commandOf(command: string, debianPackage: string): SystemPart {
  return { name: command, debianPackage, isThere: () => hasCommand(command) };
}

/** What the tests' servers and clients need beyond npm, by which PostgreSQL and DuckDB come. */
export const TEST_PARTS: readonly SystemPart[] = [
  commandOf('sshd', 'openssh-server'),
  commandOf('pgbouncer', 'pgbouncer'),
  // Half a minute and 160 MiB, once.
  { name: 'PostGIS', debianPackage: 'postgresql-postgis', isThere: () => findPostgis() !== undefined },
];

/** Debian's folder with a PostgreSQL of each version. */
const SERVERS = '/usr/lib/postgresql';

/** Folder with the programs of a server that has PostGIS; npm's server has no extensions. */
export function findPostgis(): string | undefined {
  const versions = existsSync(SERVERS) ? readdirSync(SERVERS) : [];
  const found = versions.find((version) => existsSync(join(SERVERS, version, 'lib', 'postgis-3.so')));
  return found === undefined ? undefined : join(SERVERS, found, 'bin');
}

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
 * Installs the packages of missing parts where we may (root on Debian).
 * @returns one sentence for each part that is still missing, saying what to install
 */
export function provideParts(parts: readonly SystemPart[]): string[] {
  const missing = parts.filter(({ isThere }) => !isThere());
  if (missing.length > 0 && canInstallPackages()) installPackages(missing.map(({ debianPackage }) => debianPackage));
  return missing
    .filter(({ isThere }) => !isThere())
    .map(({ name, debianPackage }) => `${name} is missing: install it (Debian: apt-get install ${debianPackage}).`);
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
