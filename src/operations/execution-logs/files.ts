import { SyncError } from '../../core/index.ts';
import {
  type ConsoleRecord,
  findOrganization,
  listConsoleLogs,
  listRejects,
  type RejectPosition,
  type RejectRecord,
} from '../../store/index.ts';
import { requireExecution } from '../bulk-syncs/executions/executions.ts';
import { type Context, createContext, type Services } from '../context.ts';
import { type LinkQuery, openLink, signLink } from '../links/links.ts';

/** One execution of one bulk sync. */
export interface ExecutionPlace {
  readonly syncId: string;
  readonly executionId: string;
}

/** What of an execution's logs is one file; `logs.zip` holds the others. */
export const LOG_FILES = ['console.ndjson', 'rejects.ndjson', 'logs.zip'] as const;
export type LogFile = (typeof LOG_FILES)[number];

/** Long enough to download, too short to be worth keeping. */
const LINK_MS = 60 * 60_000;

/**
 * Addresses of an execution's log files, which open without a key for an hour: what it told, and what was rejected if
 * anything was. The files are made when they are fetched, so one of a running execution grows.
 * @throws `NOT_FOUND`, `FORBIDDEN`
 */
export async function listLogFiles(
  context: Context,
  place: ExecutionPlace,
): Promise<{ readonly urls: readonly string[]; readonly expiresAt: Date }> {
  await requireExecution(context, place.syncId, place.executionId);
  const { store, caller } = context;
  const one = { limit: 1, after: null, schemaId: null };
  const { records } = await listRejects(store.db, caller.organizationId, place.executionId, one);
  const expiresAt = new Date(context.clock().getTime() + LINK_MS);
  const files: readonly LogFile[] = records.length === 0 ? ['console.ndjson'] : ['console.ndjson', 'rejects.ndjson'];
  return { urls: files.map((file) => toFileUrl(context, place, file, expiresAt)), expiresAt };
}

/** The signed address of one file. */
export function toFileUrl(context: Context, place: ExecutionPlace, file: LogFile, expiresAt: Date): string {
  const path = `/downloads/bulk/syncs/${place.syncId}/executions/${place.executionId}/${file}`;
  return context.publicUrl() + signLink(context, { organizationId: context.caller.organizationId, path, expiresAt });
}

/**
 * Opens what a signed address leads to: a context that acts in the organization for which it was made.
 * @param path as the request has it
 * @throws `LINK_REFUSED`; `NOT_FOUND` when the execution is gone
 */
export async function openLogFile(
  services: Services,
  path: string,
  query: LinkQuery,
  place: ExecutionPlace,
): Promise<Context> {
  const organizationId = openLink(services, path, query, services.clock());
  const organization = await findOrganization(services.store.db, organizationId);
  if (organization === undefined) throw new SyncError('NOT_FOUND', 'The organization of the link is gone.');
  const context = createContext(services, {
    kind: 'organization',
    organizationId,
    organizationName: organization.name,
    userId: null,
    name: organization.name,
    email: null,
    role: null,
    roleIds: [],
    isAdmin: true,
  });
  await requireExecution(context, place.syncId, place.executionId);
  return context;
}

const LINES_AT_ONCE = 500;

/** Everything that an execution told, in order; read little by little. */
export async function* readConsole(context: Context, executionId: string): AsyncGenerator<ConsoleRecord> {
  const { store, caller } = context;
  for (let after = 0; ; ) {
    const page = { limit: LINES_AT_ONCE, after, schemaId: null };
    const { records, hasMore } = await listConsoleLogs(store.db, caller.organizationId, executionId, page);
    yield* records;
    if (!hasMore) return;
    after = records.at(-1)?.no ?? after;
  }
}

/** Every record that was rejected, by schema; read little by little. */
export async function* readRejects(context: Context, executionId: string): AsyncGenerator<RejectRecord> {
  const { store, caller } = context;
  for (let after: RejectPosition | null = null; ; ) {
    const page = { limit: LINES_AT_ONCE, after, schemaId: null };
    const { records, hasMore }: Awaited<ReturnType<typeof listRejects>> = await listRejects(
      store.db,
      caller.organizationId,
      executionId,
      page,
    );
    yield* records;
    if (!hasMore) return;
    after = records.at(-1)?.position ?? null;
  }
}
