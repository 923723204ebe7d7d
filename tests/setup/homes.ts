import { existsSync, globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A temporary home folder for a whole server. */
export interface TestHome extends Disposable {
  readonly path: string;
}

/**
 * Makes an empty folder; disposing removes it with the data of embedded databases started on it, which root keeps
 * outside the home. Stop the server first.
 */
export function createTestHome(): TestHome {
  const path = mkdtempSync(join(tmpdir(), 'millrace-home-'));
  return {
    path,
    [Symbol.dispose]() {
      for (const pointer of globSync('**/embedded/*/data-folder', { cwd: path })) {
        rmSync(readFileSync(join(path, pointer), 'utf8').trim(), { recursive: true, force: true });
      }
      if (existsSync(path)) rmSync(path, { recursive: true });
    },
  };
}
