import { SyncError } from '../../core/index.ts';
import { openSession, type SessionOptions } from './client.ts';

/** Returns when the server has answered, whatever it said. @throws `CONN_UNREACHABLE`, `CONN_LOST`, or when the signal fires */
export async function reach(options: SessionOptions, signal: AbortSignal): Promise<void> {
  try {
    await using _session = await openSession(options, signal);
  } catch (error) {
    const isAnswer = error instanceof SyncError && (error.detail.sqlState !== undefined || !isOfNetwork(error));
    if (!isAnswer) throw error;
  }
}

function isOfNetwork({ code }: SyncError): boolean {
  return code === 'CONN_UNREACHABLE' || code === 'CONN_LOST' || code === 'CANCELED';
}
