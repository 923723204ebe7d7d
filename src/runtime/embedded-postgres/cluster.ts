import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { SyncError } from '../../core/index.ts';
import { readFileIfAny, writePrivateFile } from '../private-file.ts';
import { asAccount, type ServerAccount } from './account.ts';
import type { PostgresBinaries } from './binaries.ts';
import { giveTo, type Place } from './place.ts';
import type { Secrets } from './secrets.ts';

/** The superuser of every embedded server. */
export const SUPERUSER = 'postgres';

// Without encoding and provider initdb takes them from the environment, and can end at SQL_ASCII.
const INITDB_FLAGS = [
  `--username=${SUPERUSER}`,
  '--auth=scram-sha-256',
  '--encoding=UTF8',
  '--locale-provider=builtin',
  '--locale=C.UTF-8',
  '--data-checksums',
  '--no-instructions',
];

/**
 * Makes the data folder when there is none; a crash in the middle leaves none.
 * @throws `EMBEDDED_DATABASE_VERSION` when the data are of another major version
 */
export function prepareCluster(
  place: Place,
  binaries: PostgresBinaries,
  account: ServerAccount,
  secrets: Secrets,
): void {
  if (!existsSync(place.dataFolder)) createCluster(place, binaries, account, secrets);
  const found = readFileIfAny(join(place.dataFolder, 'PG_VERSION'))?.trim();
  if (found === String(binaries.majorVersion)) return;
  throw new SyncError(
    'EMBEDDED_DATABASE_VERSION',
    `The embedded database in ${place.dataFolder} was made by PostgreSQL ${found ?? 'of unknown version'}, and this Millrace brings PostgreSQL ${binaries.majorVersion}. Start the Millrace that made it, or set DATABASE_URL.`,
  );
}

function createCluster(place: Place, binaries: PostgresBinaries, account: ServerAccount, secrets: Secrets): void {
  const draft = join(place.dataParent, 'data.new');
  const passwordFile = join(place.dataParent, 'initdb-password');
  rmSync(draft, { recursive: true, force: true });
  mkdirSync(draft, { mode: 0o700 });
  giveTo(account, draft);
  writePrivateFile(passwordFile, `${secrets.superuserPassword}\n`);
  giveTo(account, passwordFile);
  const flags = [...INITDB_FLAGS, `--pgdata=${draft}`, `--pwfile=${passwordFile}`];
  const { status, error, stderr } = spawnSync(binaries.initdb, flags, { ...asAccount(account), encoding: 'utf8' });
  rmSync(passwordFile, { force: true });
  if (status !== 0) {
    rmSync(draft, { recursive: true, force: true });
    throw new SyncError(
      'EMBEDDED_DATABASE_FAILED',
      `Could not make the embedded database in ${place.dataFolder}: ${error?.message ?? stderr.trim()}. Mend that, or set DATABASE_URL.`,
    );
  }
  renameSync(draft, place.dataFolder);
}
