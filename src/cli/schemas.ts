import { setTimeout as delay } from 'node:timers/promises';
import type { Client } from '../contract/index.ts';

const ASK_EVERY_MS = 250;

/**
 * Waits until the server has read which tables a connection has, which it does unasked after the connection is made.
 * Returns also when that failed: what is asked next says why.
 */
export async function waitForSchemas(client: Client, connectionId: string, signal: AbortSignal): Promise<void> {
  for (;;) {
    const { cache_status } = await client.getSchemasStatus(connectionId, signal);
    if (cache_status !== 'refreshing') return;
    await delay(ASK_EVERY_MS, undefined, { signal });
  }
}
