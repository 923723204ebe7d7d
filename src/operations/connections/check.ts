import type { ConnectorDefinition } from '../../connector-kit/index.ts';
import { type ErrorCode, isAbort, SyncError } from '../../core/index.ts';
import type { ScopedServices } from '../context.ts';
import type { Configuration } from './configuration.ts';
import { withConfigured } from './with-connector.ts';

/** How long a system may take to prove itself while somebody waits for the answer. */
const CHECK_LIMIT_MS = 30_000;

/**
 * Proves address, credentials and privileges against the system itself.
 * @throws the connector's own error, `CONN_UNREACHABLE` when it takes too long
 */
export async function proveConfiguration(
  services: ScopedServices,
  organizationId: string,
  definition: ConnectorDefinition<unknown>,
  configuration: Configuration,
): Promise<void> {
  const signal = AbortSignal.timeout(CHECK_LIMIT_MS);
  try {
    await withConfigured(services, organizationId, definition, configuration, (connector) => connector.check(signal));
  } catch (error) {
    if (!signal.aborted || !isAbort(error)) throw error;
    throw new SyncError(
      'CONN_UNREACHABLE',
      `The ${definition.label} system did not answer within ${CHECK_LIMIT_MS / 1000} s. Check its address and whether it is up.`,
      { cause: error },
    );
  }
}

/** Whether a check of that configuration says how the system is. */
export function canProve(definition: ConnectorDefinition<unknown>, configuration: Configuration): boolean {
  return definition.canProve?.(configuration) ?? true;
}

/** What is refused without asking the system, and so even when the caller wants no check. */
const REFUSED_ALWAYS: readonly ErrorCode[] = ['CONN_ADDRESS_REFUSED', 'CONN_PATH_REFUSED'];

/** Refuses addresses and paths that are never opened; leaves everything else to the first use. */
export async function refuseForbidden(
  services: ScopedServices,
  organizationId: string,
  definition: ConnectorDefinition<unknown>,
  configuration: Configuration,
): Promise<void> {
  try {
    await withConfigured(services, organizationId, definition, configuration, async () => {});
  } catch (error) {
    if (error instanceof SyncError && REFUSED_ALWAYS.includes(error.code)) throw error;
  }
}
