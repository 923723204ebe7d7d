import { assignTableNames, type NameRule, nameKey } from '../../core/index.ts';
import { listBulkSyncsInto, listSchemaIdsOfSyncs, type StoreDatabase } from '../../store/index.ts';
import type { Context } from '../context.ts';
import { refuseField } from '../refusals.ts';
import type { DestinationCapabilities } from './checks.ts';
import type { SyncConfiguration } from './input.ts';

/** The parts of a sync that decide which tables it writes. */
export interface SyncTables {
  readonly sourceConnectionId: string;
  readonly normalizeNames: NameRule;
  readonly destinationConnectionId: string;
  readonly destinationConfiguration: SyncConfiguration;
  /** Ids of the enabled schemas. */
  readonly schemaIds: readonly string[];
}

interface OutputTable {
  readonly schema: string;
  readonly name: string;
}

/**
 * One table has one owner: refuses a sync that would write what another sync of the same connection writes, or what it
 * reads itself. Call with the destination locked. @throws `REQUEST_REFUSED` naming the other sync
 */
export async function refuseSharedTables(
  context: Context,
  db: StoreDatabase,
  sync: SyncTables & { readonly id: string },
  destination: DestinationCapabilities,
): Promise<void> {
  const { organizationId } = context.caller;
  const all = await listBulkSyncsInto(db, organizationId, sync.destinationConnectionId);
  const others = all.filter((other) => other.id !== sync.id);
  const selected = await listSchemaIdsOfSyncs(
    db,
    organizationId,
    others.map((other) => other.id),
  );
  const mine = tablesOf(sync, destination);
  if (sync.sourceConnectionId === sync.destinationConnectionId) refuseOwnSource(mine);
  for (const other of others) {
    const schemaIds = selected.filter((row) => row.syncId === other.id && row.enabled).map((row) => row.schemaId);
    const shared = findShared(mine, tablesOf({ ...other, schemaIds }, destination), destination);
    if (shared === undefined) continue;
    const { schemaId, table } = shared;
    throw refuseField(
      'schemas',
      `the schema ${schemaId} would be written to ${table.schema === '' ? '' : `${table.schema}.`}${table.name}, which the sync "${other.name}" (${other.id}) writes already; choose another destination schema or leave it out`,
      { schema: schemaId, syncId: other.id, syncName: other.name },
    );
  }
}

/** With `adopt` it would replace what it reads. */
function refuseOwnSource(mine: ReadonlyMap<string, OutputTable>): void {
  for (const { schema, name } of mine.values()) {
    const id = `${schema}.${name}`;
    if (!mine.has(id)) continue;
    throw refuseField(
      'destination_configuration.schema',
      `the table ${id} is read by this sync and would be written by it; choose another destination schema`,
      { schema: id },
    );
  }
}

function tablesOf(sync: SyncTables, destination: DestinationCapabilities): ReadonlyMap<string, OutputTable> {
  const schema = sync.destinationConfiguration.schema || destination.configuration.schema?.default || '';
  const names = nameTables(sync, destination);
  return new Map([...names].map(([id, name]) => [id, { schema: String(schema), name }]));
}

/** Output names of the enabled schemas, by schema id. */
export function nameTables(
  sync: Pick<SyncTables, 'normalizeNames' | 'schemaIds'>,
  destination: DestinationCapabilities,
): ReadonlyMap<string, string> {
  const { maxNameBytes, distinguishesCase } = destination;
  return assignTableNames(sync.schemaIds, { rule: sync.normalizeNames, maxBytes: maxNameBytes, distinguishesCase });
}

function findShared(
  mine: ReadonlyMap<string, OutputTable>,
  theirs: ReadonlyMap<string, OutputTable>,
  { distinguishesCase }: DestinationCapabilities,
): { readonly schemaId: string; readonly table: OutputTable } | undefined {
  const key = ({ schema, name }: OutputTable): string => nameKey(JSON.stringify([schema, name]), distinguishesCase);
  const others = new Set([...theirs.values()].map(key));
  for (const [schemaId, table] of mine) if (others.has(key(table))) return { schemaId, table };
  return undefined;
}
