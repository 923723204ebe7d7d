import { realpath } from 'node:fs/promises';
import { SyncError } from '../core/index.ts';

/**
 * An error that names files as users do, from their organization's folder on: where that lies on the server is not for
 * everybody who reads it. Other errors, and what is thrown besides, stay as they are.
 */
export async function hideRoot(error: unknown, filesRoot: string): Promise<unknown> {
  if (!(error instanceof SyncError)) return error;
  // Connectors follow links.
  const real = await realpath(filesRoot).catch(() => filesRoot);
  const message = [real, filesRoot].reduce(
    (text, root) => text.replaceAll(`${root}/`, '').replaceAll(root, 'the folder for files'),
    error.message,
  );
  if (message === error.message) return error;
  const { cause, detail, retryAfterMs } = error;
  return new SyncError(error.code, message, { cause, detail, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) });
}
