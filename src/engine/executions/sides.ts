import type { Connector } from '../../connector-kit/index.ts';
import { SyncError } from '../../core/index.ts';
import type { Run, RunConnection } from '../../store/index.ts';
import { applicationNameOf, definitionOf, type PlannerParts, specsOf } from '../engine-parts.ts';

export interface Sides extends AsyncDisposable {
  readonly source: Connector;
  readonly destination: Connector;
}

/**
 * Opens both systems of an execution in the main thread, for planning.
 * @throws `REQUEST_REFUSED` when both are one thing that cannot be written while it is read
 */
export async function openSides(parts: PlannerParts, run: Run): Promise<Sides> {
  refuseSameOwner(parts, run);
  const source = await openConnection(parts, run, run.source);
  const destination = await openConnection(parts, run, run.destination).catch(async (error: unknown) => {
    await source[Symbol.asyncDispose]();
    throw error;
  });
  return {
    source,
    destination,
    async [Symbol.asyncDispose]() {
      await source[Symbol.asyncDispose]();
      await destination[Symbol.asyncDispose]();
    },
  };
}

/** Two connections may lead to one file: it would wait for its own reader. */
function refuseSameOwner(parts: PlannerParts, run: Run): void {
  const { source, ownerKey } = specsOf(parts, run);
  if (ownerKey === null || source.readOwner !== ownerKey) return;
  throw new SyncError(
    'REQUEST_REFUSED',
    'Source and destination of the sync are the same file, which cannot be written while it is read. Choose another file for one of them.',
  );
}

/** Opens one side of an execution in this thread. */
export function openConnection(parts: PlannerParts, run: Run, connection: RunConnection): Promise<Connector> {
  const definition = definitionOf(parts, connection.type);
  return definition.connect(
    definition.config.parse(connection.config),
    parts.contextFor(connection.organizationId, applicationNameOf(run)),
  );
}
