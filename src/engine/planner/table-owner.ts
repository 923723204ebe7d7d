import {
  type Connector,
  type OverwrittenTable,
  type TableName,
  type TableState,
  tableText,
} from '../../connector-kit/index.ts';
import { assignTables, nameKey, readDestinationOptions, SyncError, VERIFICATION } from '../../core/index.ts';
import type { Run, SyncNaming } from '../../store/index.ts';

/** How the destination names tables. */
type TableNaming = Parameters<typeof assignTables>[2];

/**
 * Nobody's table, and one that its sync has given up (deleted, disabled its schema, writes elsewhere by now), may be taken
 * over by a sync that adopts. One that this same sync filled from another schema never is: the names have moved, nobody
 * has asked for it.
 * @throws `TABLE_OWNED`, `TABLE_NOT_OURS`
 */
export async function refuseForeignTable(
  context: { readonly run: Run; readonly findSyncNaming: (syncId: string) => Promise<SyncNaming | undefined> },
  schemaId: string,
  table: TableName,
  { exists, owner }: TableState,
  naming: TableNaming,
): Promise<void> {
  const { sync } = context.run;
  if (!exists || (owner?.syncId === sync.id && owner.schemaId === schemaId)) return;
  const name = tableText(table);
  const writer = owner === null ? undefined : await context.findSyncNaming(owner.syncId);
  if (owner !== null && writer !== undefined) {
    if (owner.syncId === sync.id)
      throw owned(
        name,
        `was filled by this sync from ${owner.schemaId}, before names changed or that schema was disabled. Drop the table, or give ${schemaId} another output name.`,
      );
    if (isWriting(writer, owner.schemaId, table, naming))
      throw owned(
        name,
        `belongs to the sync ${owner.syncId} (schema ${owner.schemaId}). Choose another destination schema or output name.`,
      );
  }
  if (sync.adopt) return;
  throw new SyncError(
    'TABLE_NOT_OURS',
    `The destination table ${name} exists and ${describeOrigin(owner, writer)}. Set "adopt" in the sync's settings to write into it, or choose another destination schema.`,
  );
}

/** What an execution needs to know to spare its own source. */
interface OwnSourceContext {
  readonly run: Run;
  readonly source: Connector;
  readonly destination: Connector;
  readonly signal: AbortSignal;
}

/**
 * Tables that an execution would write and reads as well: the two connections may lead to one database. A sync that does not
 * adopt writes no table of somebody else, so it does not have to ask.
 * @param tables what its schemas are written to, by their ids
 * @param readable ids of what the source has
 */
export async function findOwnSources(
  { run, source, destination, signal }: OwnSourceContext,
  tables: ReadonlyMap<string, TableName>,
  readable: readonly string[],
): Promise<readonly OverwrittenTable[]> {
  if (!run.sync.adopt || run.execution.type === VERIFICATION) return [];
  const into = await destination.destination?.identify?.(signal);
  if (into === undefined) return [];
  const schemaIds = readable.filter((id) => tables.has(id));
  const request = { schemaIds, tables: [...tables.values()], into };
  return (await source.source?.findOverwritten?.(request, signal)) ?? [];
}

/** @throws `REQUEST_REFUSED` for a table of `findOwnSources` */
export function refuseOwnSource(table: TableName, ownSources: readonly OverwrittenTable[]): void {
  const found = ownSources.find(({ table: { schema, name } }) => schema === table.schema && name === table.name);
  if (found === undefined) return;
  throw new SyncError(
    'REQUEST_REFUSED',
    `The destination table ${tableText(table)} holds what this sync reads as ${found.schemaId}: source and destination are the same database. Choose another destination schema or output name.`,
  );
}

function isWriting(
  { normalizeNames, destinationConfiguration, schemas }: SyncNaming,
  schemaId: string,
  table: TableName,
  naming: TableNaming,
): boolean {
  const options = readDestinationOptions(destinationConfiguration);
  const named = schemas.map((schema) => ({ ...schema, isRetired: !schema.enabled }));
  const wanted = assignTables(named, options, { ...naming, rule: normalizeNames }).get(schemaId);
  const key = (name: string): string => nameKey(name, naming.distinguishesCase);
  return wanted !== undefined && key(wanted.name) === key(table.name) && key(wanted.schema) === key(table.schema);
}

function describeOrigin(owner: TableState['owner'], writer: SyncNaming | undefined): string {
  if (owner === null) return 'was not created by Millrace';
  const why = writer === undefined ? 'is gone' : 'does not write it any more';
  return `belonged to the sync ${owner.syncId}, which ${why}`;
}

function owned(name: string, hint: string): SyncError {
  return new SyncError('TABLE_OWNED', `The destination table ${name} ${hint}`);
}
