import type { Connector } from '../connector-kit/index.ts';
import type { Run, RunConnection } from '../store/index.ts';
import { applicationNameOf, definitionOf, type EngineParts } from './engine-parts.ts';

export interface Sides extends AsyncDisposable {
  readonly source: Connector;
  readonly destination: Connector;
}

/** Opens both systems of an execution in the main thread, for planning. */
export async function openSides(parts: EngineParts, run: Run): Promise<Sides> {
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

/** Opens one side of an execution in this thread. */
export function openConnection(parts: EngineParts, run: Run, connection: RunConnection): Promise<Connector> {
  const definition = definitionOf(parts, connection.type);
  return definition.connect(
    definition.config.parse(connection.config),
    parts.contextFor(run.execution.organizationId, applicationNameOf(run)),
  );
}
