import type {
  BulkDestination,
  Capabilities,
  Connector,
  OverwrittenTable,
  SnapshotRef,
  TableName,
  TableState,
} from '../../connector-kit/index.ts';
import {
  applyOverrides,
  assignColumns,
  assignTables,
  type DriftEvent,
  readDestinationOptions,
  type SchemaDescription,
  type SeenSchema,
  SyncError,
  serializeError,
  splitSchemaId,
  takesNewSchema,
  VERIFICATION,
} from '../../core/index.ts';
import type { EndedSchema, ExecutionSchemas, PlannedSchema, Run, SyncNaming } from '../../store/index.ts';
import { isOutage } from '../retry.ts';
import { type DraftedSchema, inspectTables, planRanges, planSingleRanges } from './ask-at-once.ts';
import { findDrift } from './drift.ts';
import { estimateRead, type Foresight, previewLoad } from './foresight.ts';
import { markSmall } from './mark-small.ts';
import { planSchema } from './plan-schema.ts';
import { findSchemaDrift, type SeenChanges } from './schema-drift.ts';
import type { SchemaPlan } from './schema-plan.ts';
import { selectSchemas } from './select-schemas.ts';
import { findOwnSources, refuseForeignTable, refuseOwnSource } from './table-owner.ts';

export interface ExecutionPlanContext {
  readonly run: Run;
  readonly source: Connector;
  readonly destination: Connector;
  readonly destinationCapabilities: NonNullable<Capabilities['destination']>;
  readonly snapshot: SnapshotRef;
  readonly snapshotEpoch: number;
  readonly columnPrefix: string;
  /** See `SchemaToPlan`. */
  readonly place: string;
  /** True where small schemas are worked on together. */
  readonly usesPacks: boolean;
  /** What decides where a sync writes; undefined when it is gone. */
  readonly findSyncNaming: (syncId: string) => Promise<SyncNaming | undefined>;
  /** Gives the next generations of schemas; one that left the sync meanwhile has none. */
  readonly nextGenerations: (schemaIds: readonly string[]) => Promise<ReadonlyMap<string, number>>;
  /** Ids of all schemas that the sync knows of, enabled or not. */
  readonly listKnownSchemas: () => Promise<ReadonlySet<string>>;
  /** Enables schemas that are new in the source, and answers all that are enabled then. */
  readonly enableSchemas: (ids: readonly string[]) => Promise<Run['schemas']>;
  /** What was there when the sync ran last. */
  readonly listSeenSchemas: () => Promise<ReadonlyMap<string, SeenSchema | null>>;
  readonly signal: AbortSignal;
}

export interface ExecutionPlan extends ExecutionSchemas {
  /** Schemas that were new in the source and that the sync's rule takes along. */
  readonly added: readonly string[];
  /** How the source differs from what the sync knew. */
  readonly drift: readonly DriftEvent[];
  /** Which schemas to remember and to forget. */
  readonly seenChanges: SeenChanges;
}

/**
 * Plans the schemas of these ids, or all that the execution is about (null); then, what is new in the source is taken
 * along by the sync's rule. What cannot be planned fails alone; the others go on.
 */
export async function planExecution(
  given: ExecutionPlanContext,
  only: ReadonlySet<string> | null,
): Promise<ExecutionPlan> {
  const discovered = await discoverSchemas(given);
  const added = only === null ? await findNewSchemas(given, discovered) : [];
  const context = added.length === 0 ? given : { ...given, run: await runWith(given, added) };
  const seen = await given.listSeenSchemas();
  const tables = nameTables(context, seen);
  const planned: PlannedSchema[] = [];
  const failed: EndedSchema[] = [];
  const scope = selectSchemas(context.run, discovered);
  const selections = bySize(
    scope.selections.filter(({ schemaId }) => only?.has(schemaId) ?? true),
    discovered,
  );
  const generations = await context.nextGenerations(selections.map(({ schemaId }) => schemaId));
  const states = await inspectTables(targetOf(context.destination), selections, tables, context.signal);
  const ownSources = await findOwnSources(context, tables, [...discovered.keys()]);
  const surroundings = { discovered, tables, seen, generations, states, ownSources };
  const fail = (schemaId: string, position: number, error: unknown) => {
    if (context.signal.aborted || isOutage(error) || (error instanceof SyncError && error.kind === 'internal'))
      throw error;
    const { code, message } = serializeError(error);
    failed.push({ schemaId, position, code, message });
  };
  const drafts: DraftedSchema[] = [];
  for (const [position, selection] of selections.entries()) {
    try {
      drafts.push(await planOne(context, selection, surroundings, position));
    } catch (error) {
      fail(selection.schemaId, position, error);
    }
  }
  const segments = { ...context, source: sideOf(context.source) };
  const single = await planSingleRanges(segments, drafts);
  for (const draft of drafts) {
    try {
      planned.push({ ...draft, ranges: single.get(draft) ?? (await planRanges(segments, draft)) });
    } catch (error) {
      fail(draft.schemaId, draft.position, error);
    }
  }
  const skipped = scope.skipped.map(({ schemaId, reason }, index) => ({
    schemaId,
    position: selections.length + index,
    message: reason,
  }));
  const ofSchemas = findSchemaDrift(context.run, seen, discovered, { added, written: [...tables.values()] });
  const drift = [...ofSchemas.events, ...listFieldDrift(planned, failed, discovered, seen)];
  const skippedHere = only === null ? skipped : [];
  const marked = context.usesPacks ? markSmall(planned) : planned;
  return { planned: marked, failed, skipped: skippedHere, added, drift, seenChanges: ofSchemas.changes };
}

/** The source's schemas by id, with what users laid over them. */
async function discoverSchemas(context: ExecutionPlanContext): Promise<ReadonlyMap<string, SchemaDescription>> {
  const schemas = await sideOf(context.source).discover(context.signal);
  return new Map(
    schemas.map((schema) => [schema.id, applyOverrides(schema, context.run.schemaOverrides.get(schema.id))]),
  );
}

async function runWith({ run, enableSchemas }: ExecutionPlanContext, added: readonly string[]): Promise<Run> {
  return { ...run, schemas: await enableSchemas(added) };
}

/** Schemas that the sync does not know of and that its rule takes along. */
async function findNewSchemas(
  context: ExecutionPlanContext,
  discovered: ReadonlyMap<string, SchemaDescription>,
): Promise<readonly string[]> {
  const { sync, source, destination } = context.run;
  const rule = sync.automaticallyAddNewObjects;
  if (rule === 'none' || context.run.execution.type === VERIFICATION) return [];
  const known = await context.listKnownSchemas();
  const added: string[] = [];
  for (const schema of discovered.values()) {
    if (known.has(schema.id) || !takesNewSchema(rule, schema)) continue;
    // In one and the same database, what a sync has written is not new.
    if (source.id === destination.id && (await isWrittenBySync(context, schema.id))) continue;
    added.push(schema.id);
  }
  return added;
}

async function isWrittenBySync(context: ExecutionPlanContext, schemaId: string): Promise<boolean> {
  const destination = targetOf(context.destination);
  const { schema, name } = splitSchemaId(schemaId);
  const table = { schema: schema ?? destination.defaultSchema, name };
  return (await destination.inspect(table, context.signal)).owner !== null;
}

/** Of the schemas that cannot be planned as well: their differences are most likely why. */
function listFieldDrift(
  planned: readonly PlannedSchema[],
  failed: readonly EndedSchema[],
  discovered: ReadonlyMap<string, SchemaDescription>,
  seen: ReadonlyMap<string, SeenSchema | null>,
): readonly DriftEvent[] {
  return [
    // Made by `planOne`.
    ...planned.flatMap(({ plan }) => (plan as SchemaPlan).drift),
    ...failed.flatMap(({ schemaId }) => {
      const schema = discovered.get(schemaId);
      return schema === undefined ? [] : findDrift(seen.get(schemaId) ?? null, schema, null);
    }),
  ];
}

/** What all schemas of one execution are planned against. */
interface Surroundings {
  readonly discovered: ReadonlyMap<string, SchemaDescription>;
  readonly tables: ReadonlyMap<string, TableName>;
  readonly seen: ReadonlyMap<string, SeenSchema | null>;
  readonly generations: ReadonlyMap<string, number>;
  /** By schema id; absent where the destination is asked about one table at a time. */
  readonly states: ReadonlyMap<string, TableState>;
  /** Tables that the execution would write and reads. */
  readonly ownSources: readonly OverwrittenTable[];
}

async function planOne(
  context: ExecutionPlanContext,
  selection: Run['schemas'][number],
  { discovered, tables, seen, generations, states, ownSources }: Surroundings,
  position: number,
): Promise<DraftedSchema> {
  const schema = discovered.get(selection.schemaId);
  const table = tables.get(selection.schemaId);
  const generation = generations.get(selection.schemaId);
  if (generation === undefined)
    throw new SyncError('SOURCE_CHANGED', `The schema ${selection.schemaId} was removed from the sync meanwhile.`);
  if (schema === undefined || table === undefined) {
    throw new SyncError(
      'SOURCE_CHANGED',
      `The schema ${selection.schemaId} is selected but not readable in the source any more. Restore it, grant access, or remove it from the sync.`,
    );
  }
  const destination = targetOf(context.destination);
  const state = states.get(schema.id) ?? (await destination.inspect(table, context.signal));
  refuseOwnSource(table, ownSources);
  // Whoever owns it: it is only read.
  const isVerification = context.run.execution.type === VERIFICATION;
  if (!isVerification) await refuseForeignTable(context, selection.schemaId, table, state, tableNaming(context));
  const chosen = await planSchema(
    { ...context, source: sideOf(context.source), destination, transports: listTransports(context) },
    {
      selection,
      schema,
      table,
      place: context.place,
      hasCaseInNames: context.destinationCapabilities.distinguishesCase,
      state,
      names: nameFields(context, selection, schema, seen.get(schema.id) ?? null),
      seen: seen.get(schema.id) ?? null,
    },
  );
  const plan = isVerification ? chosen : await foresee(context, chosen, { destination, state, generation });
  return {
    schemaId: schema.id,
    position,
    outputName: table.name,
    plan,
    generation,
    snapshotEpoch: context.snapshotEpoch,
    estimatedRecords: plan.kind === 'delta' ? null : schema.estimatedRecords,
    estimatedBytes: plan.kind === 'delta' ? null : schema.estimatedBytes,
  };
}

/** With what the load will do to its table, and how much there is to read. */
async function foresee(
  context: ExecutionPlanContext,
  plan: SchemaPlan,
  { destination, state, generation }: Pick<Foresight, 'destination' | 'state'> & { readonly generation: number },
): Promise<SchemaPlan> {
  const { run, snapshot, signal } = context;
  const asked = { isAsked: run.execution.isTest, signal };
  const ids = { syncId: run.sync.id, executionId: run.execution.id, generation };
  return {
    ...plan,
    preview: await previewLoad(plan, { destination, state, ids, ...asked }),
    estimate: await estimateRead(plan, { source: sideOf(context.source), snapshot, ...asked }),
  };
}

function listTransports({ source, destination }: ExecutionPlanContext): readonly string[] {
  return [
    ...(source.transport === undefined ? [] : [`source: ${source.transport}`]),
    ...(destination.transport === undefined ? [] : [`destination: ${destination.transport}`]),
  ];
}

/** Large schemas first, so that the last lane to finish is not the one with the largest table. */
function bySize(selections: Run['schemas'], discovered: ReadonlyMap<string, SchemaDescription>): Run['schemas'] {
  const size = (id: string) => discovered.get(id)?.estimatedBytes ?? 0;
  return [...selections].sort((a, b) => size(b.schemaId) - size(a.schemaId) || a.schemaId.localeCompare(b.schemaId));
}

/** Of all enabled schemas, so that an execution of some names them as one of all does. */
function nameTables(
  context: ExecutionPlanContext,
  seen: ReadonlyMap<string, SeenSchema | null>,
): ReadonlyMap<string, TableName> {
  const { sync, schemas } = context.run;
  const enabled = new Set(schemas.map(({ schemaId }) => schemaId));
  const retired = [...seen].flatMap(([schemaId, last]) =>
    enabled.has(schemaId) || last?.table === undefined
      ? []
      : [{ schemaId, userOutputName: null, enabledAt: new Date(0), lastTable: last.table, isRetired: true }],
  );
  const all = [
    ...schemas.map((schema) => ({ ...schema, lastTable: seen.get(schema.schemaId)?.table ?? null })),
    ...retired,
  ];
  return assignTables(all, readDestinationOptions(sync.destinationConfiguration), tableNaming(context));
}

function tableNaming(context: ExecutionPlanContext) {
  return { ...namingOptions(context), defaultSchema: targetOf(context.destination).defaultSchema };
}

function nameFields(
  context: ExecutionPlanContext,
  selection: Run['schemas'][number],
  schema: SchemaDescription,
  seen: SeenSchema | null,
): ReadonlyMap<string, string> {
  const naming = { ...namingOptions(context), columnPrefix: context.columnPrefix };
  return assignColumns(schema.fields, selection.fields, naming, seen);
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
