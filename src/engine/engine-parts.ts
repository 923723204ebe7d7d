import type { ConnectorContext, ConnectorDefinition } from '../connector-kit/index.ts';
import { type Meter, SyncError } from '../core/index.ts';
import {
  listConnectionTypes,
  loadRun,
  type Run,
  type RunConnection,
  type Store,
  type StoreDatabase,
} from '../store/index.ts';
import type { ConsoleLog } from './console-log.ts';
import type { SnapshotHolder } from './executions/snapshots.ts';
import type { ConnectionSpec } from './pipeline/jobs.ts';
import { retryStore } from './retry-store.ts';
import type { CancelWatch } from './workers/cancellation.ts';
import type { Outages } from './workers/outages.ts';
import type { OwnedFiles } from './workers/owned-files.ts';
import type { Places } from './workers/places.ts';
import type { Reach, Threads } from './workers/reach.ts';
import type { Statistics } from './workers/statistics.ts';
import type { Turns } from './workers/turns.ts';

export { retryStore };

/** Structured log: facts first, one sentence behind. */
export interface EngineLog {
  info(facts: Readonly<Record<string, unknown>>, message: string): void;
  warn(facts: Readonly<Record<string, unknown>>, message: string): void;
  error(facts: Readonly<Record<string, unknown>>, message: string): void;
}

/** What the engine's functions share; made once per process. */
export interface EngineParts {
  readonly store: Store;
  readonly workerId: string;
  readonly connectors: ReadonlyMap<string, ConnectorDefinition<unknown>>;
  readonly contextFor: (organizationId: string, applicationName: string) => ConnectorContext;
  readonly threads: Threads;
  readonly reach: Reach;
  readonly outages: Outages;
  /** The same for planning, which one worker does alone. */
  readonly planOutages: Outages;
  /** The metadata database is ours alone: there are no other workers, and none will come. */
  readonly isSoleProcess: boolean;
  /** Living workers besides this one that take executions, as of a second ago. */
  readonly others: () => number;
  readonly snapshots: SnapshotHolder;
  readonly files: OwnedFiles;
  readonly cancels: CancelWatch;
  /** Where steps are worked on. */
  readonly places: Places;
  /** Where lanes that found nothing to do hear that another one of their execution has done something. */
  readonly turns: Turns;
  /** No steps: no lane works on them. */
  readonly statistics: Statistics;
  /** Executions whose lanes have run in this process, and which may hold something open here. */
  readonly visited: Set<string>;
  /** Restarts of schemas that are under way, by execution. */
  readonly restarts: Map<string, Promise<void>>;
  readonly columnPrefix: string;
  readonly log: EngineLog;
  readonly meter: Meter;
  /** What people are told about an execution, beside the process's own log. */
  readonly console: ConsoleLog;
  readonly random: () => number;
  /** Points of the main thread where tests make the process die. */
  readonly failpoint: (name: string) => void;
  /** Fires when the process stops: nothing new is begun. */
  readonly draining: AbortSignal;
  /** Steps that lanes work on, waited for at the end. */
  readonly inFlight: Set<Promise<unknown>>;
}

/** The part of them that planning needs; a process that runs nothing has it, too. */
export type PlannerParts = Pick<EngineParts, 'store' | 'connectors' | 'contextFor' | 'columnPrefix'>;

/** Both sides of an execution as the threads need them. */
export interface RunSpecs {
  readonly source: ConnectionSpec;
  readonly destination: ConnectionSpec;
  /** What a single thread must own to write, or null. */
  readonly ownerKey: string | null;
}

export function definitionOf(parts: PlannerParts, type: string): ConnectorDefinition<unknown> {
  const definition = parts.connectors.get(type);
  if (definition === undefined)
    throw new SyncError('INTERNAL', `This build has no connector of type ${type}. Start a version that has it.`);
  return definition;
}

/** Name of our sessions in the systems' session lists: of all that work for an execution. */
export function applicationNameOf(run: Run): string {
  return `millrace ${run.execution.id}`;
}

export function specsOf(parts: PlannerParts, run: Run): RunSpecs {
  const spec = (connection: RunConnection): ConnectionSpec => ({
    type: connection.type,
    config: connection.config,
    organizationId: connection.organizationId,
    holder: run.execution.id,
    applicationName: applicationNameOf(run),
  });
  const readOwner = ownerOf(parts, run, run.source, 'source');
  return {
    source: { ...spec(run.source), ...(readOwner === null ? {} : { readOwner }) },
    destination: spec(run.destination),
    ownerKey: ownerOf(parts, run, run.destination, 'destination'),
  };
}

/** True for a sync whose ends lie in files, and must be worked on in one process that sees them. */
export async function touchesFiles(
  db: StoreDatabase,
  syncId: string,
  connectors: EngineParts['connectors'],
): Promise<boolean> {
  return isLocal(connectors, await listConnectionTypes(db, syncId));
}

/** The same, for the types of both connections. */
export function isLocal(connectors: EngineParts['connectors'], types: readonly string[]): boolean {
  return types.some((type) => {
    const { source, destination } = connectors.get(type)?.capabilities ?? {};
    return source?.placement === 'owner' || destination?.placement === 'owner';
  });
}

/** Waits until the files of an execution are this process's to work on. */
export async function holdFiles(parts: EngineParts, run: Run, specs: RunSpecs, stop: AbortSignal): Promise<void> {
  const keys = [specs.source.readOwner, specs.ownerKey].flatMap((key) => key ?? []);
  const onWait = () => parts.console.info(run.execution.id, 'Waiting: another process works on the same file.');
  await retryStore(() => parts.files.hold(run.execution.id, keys, stop, onWait), stop);
}

function ownerOf(
  parts: PlannerParts,
  run: Run,
  connection: RunConnection,
  side: 'source' | 'destination',
): string | null {
  const definition = definitionOf(parts, connection.type);
  if (definition.capabilities[side]?.placement !== 'owner') return null;
  const context = parts.contextFor(connection.organizationId, applicationNameOf(run));
  return definition.ownerKey?.(definition.config.parse(connection.config), context) ?? null;
}

/** An execution with everything that belongs to it; null when it was deleted together with its sync. */
export async function findRun(parts: EngineParts, executionId: string): Promise<Run | null> {
  try {
    return await retryStore(() => loadRun(parts.store, executionId), parts.draining);
  } catch (error) {
    if (error instanceof SyncError && error.code === 'NOT_FOUND') return null;
    throw error;
  }
}
