import { realpath } from 'node:fs/promises';
import { SyncError } from '../../core/index.ts';
import type { FileLease } from './client.ts';
import { toSyncError } from './errors.ts';
import { maxMemoryBytes, openMemory, USUAL_MEMORY_BYTES } from './open-file.ts';
import { createSession } from './session.ts';
import { makeWorkFolder, removeWorkFolder } from './work-folder.ts';

/**
 * Opens a DuckDB of its holder's own that reads files under the files root, and no others. `what` names the files in errors.
 * Statements take turns; its own folder is gone after it is disposed of.
 */
export async function openReader(filesRoot: string, what: string): Promise<FileLease> {
  const root = await realpath(filesRoot).catch((error: unknown) => {
    throw toSyncError(error, 'Opening', filesRoot);
  });
  const folder = await makeWorkFolder(root);
  const memoryBytes = Math.min(USUAL_MEMORY_BYTES, maxMemoryBytes());
  const file = await openMemory({ memoryBytes, folder }, [root, folder]);
  let last: Promise<unknown> = Promise.resolve();
  let isClosed = false;
  const exclusive: FileLease['exclusive'] = (action, work, signal) => {
    const turn = last.then(() => {
      signal.throwIfAborted();
      if (isClosed) throw new SyncError('CONN_LOST', `${action} ${what} failed: it was closed. It is tried again.`);
      return work(createSession(file, action, what, signal));
    });
    last = turn.catch(() => {});
    return turn;
  };
  return {
    folder,
    exclusive,
    beside: exclusive,
    collect: () => ({ [Symbol.dispose]: () => {} }),
    async [Symbol.asyncDispose]() {
      await last;
      if (isClosed) return;
      isClosed = true;
      await file.close();
      await removeWorkFolder(folder);
    },
  };
}
