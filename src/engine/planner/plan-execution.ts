import type {
  BulkDestination,
  Capabilities,
  Connector,
  SegmentRange,
  SnapshotRef,
  TableName,
  TableState,
} from '../../connector-kit/index.ts';
import {
  assignColumns,
  assignTables,
  readDestinationOptions,
  type SchemaDescription,
  SyncError,
  serializeError,
} from '../../core/index.ts';
import type { FailedSchema, PlannedSchema, Run } from '../../store/index.ts';
import { isOutage } from '../retry.ts';
import { planSchema } from './plan-schema.ts';
import type { SchemaPlan } from './schema-plan.ts';

export interface ExecutionPlanContext {
  readonly run: Run;
  readonly source: Connector;
  readonly destination: Connector;
  readonly destinationCapabilities: NonNullable<Capabilities['destination']>;
  readonly snapshot: SnapshotRef;
  readonly snapshotEpoch: number;
  readonly columnPrefix: string;
  /** True while a sync with this id exists here; a table of a deleted one may be adopted. */
  readonly isLivingSync: (syncId: string) => Promise<boolean>;
  /** Gives the next generation of a schema. */
  readonly nextGeneration: (schemaId: string) => Promise<number>;
  readonly signal: AbortSignal;
}

export interface ExecutionPlan {
  readonly planned: readonly PlannedSchema[];
  readonly failed: readonly FailedSchema[];
}

/** Plans the schemas of these ids, or all of the sync (null). What cannot be planned fails alone; the others go on. */
export async function planExecution(
  context: ExecutionPlanContext,
  only: ReadonlySet<string> | null,
): Promise<ExecutionPlan> {
  const discovered = new Map(
    (await sideOf(context.source).discover(context.signal)).map((schema) => [schema.id, schema]),
  );
  const tables = nameTables(context);
  const planned: PlannedSchema[] = [];
  const failed: FailedSchema[] = [];
  const selections = context.run.schemas.filter((selection) => only?.has(selection.schemaId) ?? true);
  for (const [position, selection] of bySize(selections, discovered).entries()) {
    try {
      planned.push(await planOne(context, selection, discovered, tables, position));
    } catch (error) {
      if (context.signal.aborted || isOutage(error) || (error instanceof SyncError && error.kind === 'internal'))
        throw error;
      failed.push({ schemaId: selection.schemaId, position, message: serializeError(error).message });
    }
  }
  return { planned, failed };
}

async function planOne(
  context: ExecutionPlanContext,
  selection: Run['schemas'][number],
  discovered: ReadonlyMap<string, SchemaDescription>,
  tables: ReadonlyMap<string, TableName>,
  position: number,
): Promise<PlannedSchema> {
  const schema = discovered.get(selection.schemaId);
  const table = tables.get(selection.schemaId);
  if (schema === undefined || table === undefined) {
    throw new SyncError(
      'SOURCE_CHANGED',
      `The schema ${selection.schemaId} is selected but not readable in the source any more. Restore it, grant access, or remove it from the sync.`,
    );
  }
  const destination = targetOf(context.destination);
  const state = await destination.inspect(table, context.signal);
  await refuseForeignTable(context, selection.schemaId, table, state);
  const plan = await planSchema(
    { ...context, source: sideOf(context.source), destination },
    { selection, schema, table, state, names: nameFields(context, selection, schema) },
  );
  const ranges = await planRanges(context, plan);
  return {
    schemaId: schema.id,
    position,
    outputName: table.name,
    plan,
    generation: await context.nextGeneration(schema.id),
    snapshotEpoch: context.snapshotEpoch,
    estimatedRecords: plan.kind === 'delta' ? null : schema.estimatedRecords,
    estimatedBytes: plan.kind === 'delta' ? null : schema.estimatedBytes,
    ranges,
  };
}

function planRanges(context: ExecutionPlanContext, plan: SchemaPlan): Promise<readonly SegmentRange[]> {
  const { segmentBytes } = context.destinationCapabilities;
  return sideOf(context.source).planSegments(
    { schema: plan.schema, snapshot: context.snapshot, segmentBytes, from: plan.from, filters: plan.filters },
    context.signal,
  );
}

async function refuseForeignTable(
  context: ExecutionPlanContext,
  schemaId: string,
  table: TableName,
  state: TableState,
): Promise<void> {
  const { sync } = context.run;
  const { owner } = state;
  if (!state.exists || (owner?.syncId === sync.id && owner.schemaId === schemaId)) return;
  const name = `${table.schema}.${table.name}`;
  if (owner !== null && (await context.isLivingSync(owner.syncId))) {
    throw new SyncError(
      'TABLE_OWNED',
      `The destination table ${name} is written by the sync ${owner.syncId} (schema ${owner.schemaId}). Delete that sync, or choose another destination schema.`,
    );
  }
  if (sync.adopt) return;
  const origin = owner === null ? 'was not created by Millrace' : `belonged to the sync ${owner.syncId}, which is gone`;
  throw new SyncError(
    'TABLE_NOT_OURS',
    `The destination table ${name} exists and ${origin}. Set "adopt" in the sync's settings to write into it, or choose another destination schema.`,
  );
}

/** Large schemas first, so that the last lane to finish is not the one with the largest table. */
function bySize(selections: Run['schemas'], discovered: ReadonlyMap<string, SchemaDescription>): Run['schemas'] {
  const size = (id: string) => discovered.get(id)?.estimatedBytes ?? 0;
  return [...selections].sort((a, b) => size(b.schemaId) - size(a.schemaId) || a.schemaId.localeCompare(b.schemaId));
}

/** Of all enabled schemas, so that an execution of some names them as one of all does. */
function nameTables(context: ExecutionPlanContext): ReadonlyMap<string, TableName> {
  const { sync, schemas } = context.run;
  const naming = { ...namingOptions(context), defaultSchema: targetOf(context.destination).defaultSchema };
  return assignTables(schemas, readDestinationOptions(sync.destinationConfiguration), naming);
}

function nameFields(
  context: ExecutionPlanContext,
  selection: Run['schemas'][number],
  schema: SchemaDescription,
): ReadonlyMap<string, string> {
  return assignColumns(schema.fields, selection.fields, {
    ...namingOptions(context),
    columnPrefix: context.columnPrefix,
  });
}

function namingOptions(context: ExecutionPlanContext) {
  const { maxNameBytes, distinguishesCase } = context.destinationCapabilities;
  return { rule: context.run.sync.normalizeNames, maxBytes: maxNameBytes, distinguishesCase };
}

function sideOf(connector: Connector) {
  if (connector.source === undefined) throw new SyncError('INTERNAL', 'The source connection cannot be read.');
  return connector.source;
}

function targetOf(connector: Connector): BulkDestination {
  if (connector.destination === undefined)
    throw new SyncError('INTERNAL', 'The destination connection cannot be written.');
  return connector.destination;
}
