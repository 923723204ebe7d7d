import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { listOutsideFolders } from './embedded-postgres/place.ts';

/** A home folder for one command. */
export interface TemporaryHome {
  /** Absolute path; open to our user only. */
  readonly path: string;
  /** Removes it with all that its embedded database keeps elsewhere. Call when its server has ended. */
  remove(): void;
}

/** Makes an empty home below the system's folder for temporary files. */
export function createTemporaryHome(): TemporaryHome {
  const path = mkdtempSync(join(tmpdir(), 'millrace-copy-'));
  return {
    path,
    remove() {
      for (const folder of [...listOutsideFolders(path), path]) rmSync(folder, { recursive: true, force: true });
    },
  };
}
