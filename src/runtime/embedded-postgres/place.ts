import { createHash, randomBytes } from 'node:crypto';
import { chmodSync, chownSync, existsSync, globSync, mkdirSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { SyncError } from '../../core/index.ts';
import { readFileIfAny, writePrivateFile } from '../private-file.ts';
import { canReach, type ServerAccount } from './account.ts';

/** Root's data and binaries, where the user `postgres` may go. Nothing else of this machine is used. */
const SYSTEM_FOLDER = '/var/lib/millrace';

/** Where one embedded server keeps what. */
export interface Place {
  /** Our own files: lock, passwords, log, and the pointer to data kept elsewhere. */
  readonly stateFolder: string;
  /** Folder that holds the data folder and belongs to the server's account where it is not ours. */
  readonly dataParent: string;
  readonly dataFolder: string;
  readonly logFile: string;
  /** Folder for a copy of the programs, when they cannot run where npm put them. */
  readonly copyRoot: string;
}

/**
 * Lays out the server `name` under the home. Its data lie there too, unless the server's account may not enter the
 * home (root's home is closed to others): then under /var/lib/millrace, and a pointer in the home says where.
 */
export function findPlace(home: string, name: string, account: ServerAccount): Place {
  const embedded = join(resolve(home), 'embedded');
  const stateFolder = join(embedded, name);
  // Open to the account; what is secret in them is a private file, and the home itself is closed.
  for (const folder of [embedded, stateFolder]) makeFolder(folder, 0o755);
  const dataParent = findDataParent(stateFolder, account);
  return {
    stateFolder,
    dataParent,
    dataFolder: join(dataParent, 'data'),
    logFile: join(stateFolder, 'postgres.log'),
    copyRoot: account.uid === undefined ? home : SYSTEM_FOLDER,
  };
}

function findDataParent(stateFolder: string, account: ServerAccount): string {
  const pointerFile = join(stateFolder, 'data-folder');
  const pointer = readFileIfAny(pointerFile)?.trim();
  if (pointer !== undefined) return followPointer(pointer, pointerFile, stateFolder);
  if (canReach(account, stateFolder)) return stateFolder;
  // A random part, so that a home that was deleted and made again does not find data whose keys are gone.
  const folder = join(SYSTEM_FOLDER, `${hashOf(stateFolder)}-${randomBytes(4).toString('hex')}`);
  makeFolder(SYSTEM_FOLDER, 0o755);
  makeFolder(folder, 0o700, account);
  writePrivateFile(join(folder, 'owner'), `${stateFolder}\n`);
  writePrivateFile(pointerFile, `${folder}\n`);
  return folder;
}

/**
 * Data folders of deleted homes that lay at this place. They are never removed by us: a home that is only not mounted
 * looks the same.
 */
export function findAbandoned(place: Place): string[] {
  if (place.dataParent === place.stateFolder) return [];
  return globSync(`${hashOf(place.stateFolder)}-*`, { cwd: SYSTEM_FOLDER })
    .map((name) => join(SYSTEM_FOLDER, name))
    .filter((folder) => folder !== place.dataParent);
}

/** Folders outside of the home in which its servers keep their data, by their own word. */
export function listOutsideFolders(home: string): string[] {
  return globSync('embedded/*/data-folder', { cwd: home }).flatMap((pointer) => {
    const stateFolder = dirname(join(resolve(home), pointer));
    const folder = readFileIfAny(join(stateFolder, 'data-folder'))?.trim();
    if (folder === undefined) return [];
    return readFileIfAny(join(folder, 'owner'))?.trim() === stateFolder ? [folder] : [];
  });
}

function hashOf(stateFolder: string): string {
  return createHash('sha256').update(stateFolder).digest('hex').slice(0, 12);
}

/** A home that was moved keeps its data; a copy of a home must not open the original's. */
function followPointer(folder: string, pointerFile: string, stateFolder: string): string {
  const ownerFile = join(folder, 'owner');
  if (!existsSync(ownerFile)) {
    throw new SyncError(
      'EMBEDDED_DATABASE_FAILED',
      `The database of this home is gone: ${pointerFile} names ${folder}, which is missing. Restore that folder, or start with another MILLRACE_HOME.`,
    );
  }
  const owner = readFileSync(ownerFile, 'utf8').trim();
  if (owner !== stateFolder && existsSync(join(owner, 'data-folder'))) {
    throw new SyncError(
      'EMBEDDED_DATABASE_FAILED',
      `This home looks like a copy: its database, ${folder}, belongs to ${owner}. Use that home, or start with another MILLRACE_HOME.`,
    );
  }
  if (owner !== stateFolder) writePrivateFile(ownerFile, `${stateFolder}\n`);
  return folder;
}

/** Makes a folder that is ours alone to make, whatever the umask; one that exists stays as it is. */
function makeFolder(folder: string, mode: number, account: ServerAccount = {}): void {
  if (existsSync(folder)) return;
  try {
    mkdirSync(folder, { mode });
    chmodSync(folder, mode);
    giveTo(account, folder);
  } catch (error) {
    throw new SyncError(
      'EMBEDDED_DATABASE_FAILED',
      `Could not make the folder ${folder} for the embedded PostgreSQL: ${error instanceof Error ? error.message : String(error)}. Make its parent writable, or set DATABASE_URL.`,
      { cause: error },
    );
  }
}

/** Hands a file or folder to the server's account, where that is not ourselves. */
export function giveTo(account: ServerAccount, path: string): void {
  if (account.uid !== undefined && account.gid !== undefined) chownSync(path, account.uid, account.gid);
}
