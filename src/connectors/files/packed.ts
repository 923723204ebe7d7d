import { createReadStream } from 'node:fs';
import { basename } from 'node:path';
import { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { isAbort, SyncError } from '../../core/index.ts';

/**
 * Unpacks the files that gzip packed, and keeps nothing: DuckDB takes a file that was cut off for one that ends there, and
 * does not look at the sums in it.
 * @throws `FILE_INVALID`
 */
export async function provePacked(files: readonly string[], signal: AbortSignal): Promise<void> {
  for (const file of files) {
    if (!/\.gz$/i.test(file)) continue;
    const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
    await pipeline(createReadStream(file), createGunzip(), nowhere, { signal }).catch((error: unknown) => {
      throw isAbort(error) ? error : toInvalid(error, file);
    });
  }
}

function toInvalid(error: unknown, file: string): unknown {
  // Of the file system's errors nothing is known here; zlib's have codes that begin with Z.
  if (!(error instanceof Error) || !('code' in error) || !String(error.code).startsWith('Z_')) return error;
  return new SyncError(
    'FILE_INVALID',
    `Unpacking ${basename(file)} failed: gzip says "${error.message}", so the file is damaged or not complete. Put it there again.`,
    { cause: error },
  );
}
