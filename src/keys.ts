import { randomUUID } from 'node:crypto';
import { formatTable } from './cli/index.ts';
import { SyncError } from './core/index.ts';
import { masterKeyOf, openDatabase } from './metadata-database.ts';
import {
  createInstallationKey,
  type KeyRequest,
  type KeyServices,
  listInstallationKeys,
  revokeInstallationKey,
} from './operations/index.ts';
import { type ConfigOverrides, readConfig, toDatabaseError } from './runtime/index.ts';
import { openStore } from './store/index.ts';

/** What `millrace keys` was asked for. */
export type KeysRequest = { readonly isJson: boolean } & (
  | ({ readonly command: 'create' } & KeyRequest)
  | { readonly command: 'list' }
  | { readonly command: 'revoke'; readonly id: string }
);

/** Makes, lists or revokes API keys in the metadata database itself, also while servers run. Answers with the exit code. */
export async function runKeys(overrides: ConfigOverrides, request: KeysRequest): Promise<number> {
  const config = readConfig(undefined, overrides);
  await using database = await openDatabase(config, 'may be running');
  const { url } = database;
  const store = await openStore({ url, masterKey: masterKeyOf(config), maxConnections: 2 }).catch((error: unknown) => {
    throw toDatabaseError(error, url);
  });
  try {
    const answer = await answerTo({ store, newId: randomUUID }, request);
    process.stdout.write(request.isJson ? `${JSON.stringify(answer.document, undefined, 2)}\n` : `${answer.text}\n`);
    return 0;
  } finally {
    await store.close();
  }
}

interface Answer {
  readonly document: object;
  readonly text: string;
}

function answerTo(services: KeyServices, request: KeysRequest): Promise<Answer> {
  if (request.command === 'create') return create(services, request);
  return request.command === 'list' ? list(services) : revoke(services, request.id);
}

async function create(services: KeyServices, request: KeyRequest): Promise<Answer> {
  const made = await createInstallationKey(services, request);
  const text = `${made.key}\n\nThis is the ${made.kind} key ${made.id}. It is shown this once: keep it where you keep passwords.`;
  return { document: made, text };
}

async function list(services: KeyServices): Promise<Answer> {
  const keys = (await listInstallationKeys(services)).map((key) => ({
    id: key.id,
    kind: key.kind,
    ends_with: key.hint,
    organization_id: key.organizationId,
    organization_name: key.organizationName,
    user: key.email,
    created_at: key.createdAt.toISOString(),
    revoked_at: key.revokedAt?.toISOString() ?? null,
  }));
  const rows = keys.map((key) => [
    key.id,
    key.kind,
    key.ends_with === null ? '' : `…${key.ends_with}`,
    key.organization_name ?? '',
    key.user ?? '',
    key.revoked_at === null ? 'valid' : 'revoked',
  ]);
  const columns = ['ID', 'KIND', 'ENDS WITH', 'ORGANIZATION', 'USER', 'STATE'].map((title) => ({ title }));
  return { document: keys, text: formatTable(columns, rows).join('\n') };
}

async function revoke(services: KeyServices, id: string): Promise<Answer> {
  if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(id))
    throw new SyncError('NOT_FOUND', `There is no key ${id}. List them with: millrace keys list`);
  const isRevoked = await revokeInstallationKey(services, id);
  return {
    document: { id, revoked: true },
    text: isRevoked ? `The key ${id} opens nothing any more.` : `The key ${id} was revoked before.`,
  };
}
