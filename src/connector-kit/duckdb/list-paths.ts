import type { Dirent } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { ChoiceList } from '../connector.ts';

const MAX_PATHS = 1_000;
const MAX_DEPTH = 6;
/** Folders looked into, whatever is in them: a folder with millions of others must not keep anybody waiting. */
const MAX_FOLDERS = 2_000;

/** A `path` of a configuration: those below the folder for files that fit. @param fits told what else was filled in */
export function choosePath(
  allowsCreation: boolean,
  fits: (name: string, isFolder: boolean, given: Readonly<Record<string, unknown>>) => boolean,
): ChoiceList {
  return {
    allowsCreation,
    async list(given, { filesRoot }, signal) {
      const paths = await listPaths(filesRoot, (name, isFolder) => fits(name, isFolder, given), signal);
      return paths.map((path) => ({ label: path, value: path }));
    },
  };
}

/**
 * Paths below the folder for files of an organization, relative to it and in order, as a connection names them. Links are
 * left out: they may lead elsewhere. Empty where nothing is there yet.
 */
async function listPaths(
  filesRoot: string,
  fits: (name: string, isFolder: boolean) => boolean,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const found: string[] = [];
  let folders: readonly string[] = [''];
  let looked = 0;
  for (let depth = 0; depth < MAX_DEPTH && folders.length > 0; depth += 1) {
    const deeper: string[] = [];
    for (const folder of folders) {
      signal.throwIfAborted();
      if (looked >= MAX_FOLDERS || found.length >= MAX_PATHS) return found.slice(0, MAX_PATHS).sort();
      looked += 1;
      for (const entry of await entriesOf(join(filesRoot, folder))) {
        const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
        if (entry.isDirectory()) deeper.push(path);
        if ((entry.isFile() || entry.isDirectory()) && fits(entry.name, entry.isDirectory())) found.push(path);
      }
    }
    folders = deeper;
  }
  return found.slice(0, MAX_PATHS).sort();
}

/** Hidden ones are others' business. A folder that cannot be read holds nothing for us. */
async function entriesOf(path: string): Promise<readonly Dirent[]> {
  const entries = await readdir(path, { withFileTypes: true }).catch(() => []);
  return entries.filter(({ name }) => !name.startsWith('.')).sort((a, b) => (a.name < b.name ? -1 : 1));
}
