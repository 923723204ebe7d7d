import { setTimeout } from 'node:timers/promises';
import { SyncError, serializeError } from '../../core/index.ts';
import {
  type ConnectionRecord,
  findConnection,
  type RefreshOutcome,
  readSchemaCacheState,
  requestSchemaRefresh,
  runPendingRefresh,
  setConnectionStatus,
} from '../../store/index.ts';
import { proveConfiguration } from '../connections/check.ts';
import { openStored, parseConfiguration } from '../connections/configuration.ts';
import { withConnector } from '../connections/with-connector.ts';
import type { Context, ScopedServices } from '../context.ts';
import { notReady } from './not-ready.ts';
import { requireSource } from './source.ts';

/** Reading the catalogue of a large system may take long, and nobody waits for it. */
const DISCOVERY_LIMIT_MS = 10 * 60_000;

/**
 * Does the refresh that somebody asked for, if it is still to be done and nobody else is at it. May be repeated.
 * @param signal stops it (shutdown); the refresh then stays to be done
 * @returns false when there was nothing to do here
 */
export function refreshSchemas(
  services: ScopedServices,
  pending: { readonly organizationId: string; readonly connectionId: string },
  signal: AbortSignal,
): Promise<boolean> {
  const { organizationId, connectionId } = pending;
  return runPendingRefresh(services.store, connectionId, async () => {
    const connection = await findConnection(services.store.db, organizationId, connectionId);
    if (connection === undefined) return { error: 'The connection was deleted.' };
    const { outcome, isHealthy } = await discover(services, connection, signal);
    signal.throwIfAborted();
    await setConnectionStatus(services.store.db, organizationId, connectionId, {
      status: isHealthy === null ? connection.status : isHealthy ? 'healthy' : 'unhealthy',
      statusError: 'error' in outcome ? outcome.error : null,
    });
    return outcome;
  });
}

/** What a discovery found, and what that says of the connection; null = nothing, since it would pass by itself. */
interface Discovery {
  readonly outcome: RefreshOutcome;
  readonly isHealthy: boolean | null;
}

async function discover(
  services: ScopedServices,
  connection: ConnectionRecord,
  signal: AbortSignal,
): Promise<Discovery> {
  try {
    const limit = AbortSignal.any([signal, AbortSignal.timeout(DISCOVERY_LIMIT_MS)]);
    const outcome = await withConnector(services, connection, async ({ source }) => ({
      schemas: (await source?.discover(limit)) ?? [],
      database: (await source?.identify?.(limit)) ?? null,
    }));
    return { outcome, isHealthy: true };
  } catch (error) {
    if (error instanceof SyncError)
      return { outcome: { error: error.message }, isHealthy: error.kind === 'transient' ? null : false };
    if (signal.aborted) throw error;
    const message = serializeError(error).message.split('\n')[0];
    return { outcome: { error: `The schemas could not be read: ${message}` }, isHealthy: false };
  }
}

/**
 * Asks for a refresh, which the scheduler does soon. An unhealthy connection is proved again first.
 * @throws `NOT_FOUND`; `CONNECTION_UNHEALTHY` when the system still refuses
 */
export async function requestRefresh(context: Context, connectionId: string): Promise<void> {
  const { connection } = await requireSource(context, connectionId, 'trigger');
  if (connection.status === 'unhealthy') await proveAgain(context, connection);
  await requestSchemaRefresh(context.store.db, context.caller.organizationId, connectionId);
}

async function proveAgain(context: Context, connection: ConnectionRecord): Promise<void> {
  const { organizationId } = context.caller;
  try {
    const opened = await openStored(context, connection);
    const configuration = parseConfiguration(opened.definition, opened.configuration);
    await proveConfiguration(context, opened.organizationId, opened.definition, configuration);
  } catch (error) {
    if (!(error instanceof SyncError)) throw error;
    throw unhealthy(connection, error.message);
  }
  const healthy = { status: 'healthy', statusError: null } as const;
  await setConnectionStatus(context.store.db, organizationId, connection.id, healthy);
}

function unhealthy(connection: ConnectionRecord, reason: string): SyncError {
  return new SyncError(
    'CONNECTION_UNHEALTHY',
    `The schemas of connection "${connection.name}" cannot be refreshed while it is unhealthy: ${reason}`,
  );
}

/** How long a caller waits for a refresh that must end before the answer. */
const WAIT_LIMIT_MS = 60_000;
/** Pause between two looks at a refresh that another process does. */
const LOOK_AGAIN_MS = 250;

/**
 * Refreshes and waits for the end, at most a minute.
 * @throws `CONNECTION_UNHEALTHY` when the system refuses, `SCHEMA_CACHE_NOT_READY` when it takes longer
 */
export async function refreshNow(context: Context, connectionId: string): Promise<void> {
  const { organizationId } = context.caller;
  await requestRefresh(context, connectionId);
  const signal = AbortSignal.timeout(WAIT_LIMIT_MS);
  while (!signal.aborted) {
    const isOurs = await refreshSchemas(context, { organizationId, connectionId }, signal).catch((error: unknown) => {
      if (signal.aborted) return false;
      throw error;
    });
    const state = await readSchemaCacheState(context.store.db, organizationId, connectionId);
    if (state.status !== 'refreshing')
      return state.error === null ? undefined : refuseAfter(context, connectionId, state.error);
    if (!isOurs) await setTimeout(LOOK_AGAIN_MS);
  }
  throw notReady('the refresh has not ended within a minute');
}

async function refuseAfter(context: Context, connectionId: string, reason: string): Promise<never> {
  const { connection } = await requireSource(context, connectionId);
  throw unhealthy(connection, reason);
}
