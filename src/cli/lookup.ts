import type { BulkSyncBody, Client, ConnectionBody } from '../contract/index.ts';
import { UsageError } from './usage-error.ts';

const ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** True for what can be an id; names of that form are not looked up. */
export function isId(text: string): boolean {
  return ID.test(text);
}

/** The connection of that id or exact name. Names are unique. @throws `UsageError` when there is none */
export async function findConnection(client: Client, idOrName: string, signal?: AbortSignal): Promise<ConnectionBody> {
  if (isId(idOrName)) return client.getConnection(idOrName, signal);
  const connections = await client.listConnections(signal);
  const found = connections.find(({ name }) => name === idOrName);
  if (found !== undefined) return found;
  throw new UsageError(`There is no connection named "${idOrName}": \`millrace connections list\` shows them.`);
}

/** The sync of that id or exact name. @throws `UsageError` when there is none or the name is not unique */
export async function findSync(client: Client, idOrName: string, signal?: AbortSignal): Promise<BulkSyncBody> {
  if (isId(idOrName)) return client.getBulkSync(idOrName, signal);
  const found = (await client.listBulkSyncs(signal)).filter(({ name }) => name === idOrName);
  const [sync] = found;
  if (sync === undefined)
    throw new UsageError(`There is no sync named "${idOrName}": \`millrace syncs list\` shows them.`);
  if (found.length > 1) {
    throw new UsageError(
      `${found.length} syncs are named "${idOrName}": name one by its id, ${found.map(({ id }) => id).join(' or ')}.`,
    );
  }
  return sync;
}
