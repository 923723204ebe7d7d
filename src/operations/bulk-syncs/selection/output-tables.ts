import {
  assignTables,
  type NameRule,
  nameKey,
  type OutputTable,
  readDestinationOptions,
  splitSchemaId,
} from '../../../core/index.ts';
import { listBulkSyncsInto, listNamingOfSyncs, type SchemaNaming, type StoreDatabase } from '../../../store/index.ts';
import type { Context } from '../../context.ts';
import { refuseField } from '../../refusals.ts';
import type { DestinationCapabilities } from '../checks.ts';
import type { SyncConfiguration } from '../input.ts';

/** The options of a sync that decide which tables it writes. */
export interface SyncNaming {
  readonly normalizeNames: NameRule;
  readonly destinationConfiguration: SyncConfiguration;
}

type NamedSchema = Omit<SchemaNaming, 'syncId'>;

/**
 * One table has one owner: refuses a sync that would write what another sync writes, what it reads itself, or where no
 * sync may write. Call after its rows are written, in the same transaction, with those connections locked.
 * @param samePlace connections that lead to the destination, see `findSamePlace`
 * @throws `REQUEST_REFUSED` naming the other sync
 */
export async function refuseSharedTables(
  context: Context,
  db: StoreDatabase,
  syncId: string,
  samePlace: ReadonlySet<string>,
  destination: DestinationCapabilities,
): Promise<void> {
  const { organizationId } = context.caller;
  const all = await listBulkSyncsInto(db, organizationId, [...samePlace]);
  const sync = all.find(({ id }) => id === syncId);
  if (sync === undefined) return;
  const ids = all.map(({ id }) => id);
  const rows = Map.groupBy(await listNamingOfSyncs(db, organizationId, ids), (row) => row.syncId);
  const mine = nameTables(sync, rows.get(syncId) ?? [], destination);
  refuseBadNames(rows.get(syncId) ?? [], mine, destination);
  if (samePlace.has(sync.sourceConnectionId)) refuseOwnSource(mine, destination);
  for (const other of all) {
    if (other.id === syncId) continue;
    const shared = findShared(mine, nameTables(other, rows.get(other.id) ?? [], destination), destination);
    if (shared === undefined) continue;
    const { schemaId, table } = shared;
    throw refuseField(
      'schemas',
      `the schema ${schemaId} would be written to ${toText(table)}, which the sync "${other.name}" (${other.id}) writes already; choose another destination schema, another output name, or leave it out`,
      { schema: schemaId, syncId: other.id, syncName: other.name },
    );
  }
}

function refuseBadNames(
  schemas: readonly NamedSchema[],
  mine: ReadonlyMap<string, OutputTable>,
  { reservedSchemas }: DestinationCapabilities,
): void {
  for (const { schemaId, userOutputName } of schemas) {
    const table = mine.get(schemaId);
    if (table === undefined) continue;
    if (reservedSchemas.test(table.schema)) {
      throw refuseField(
        'destination_configuration.mirror_schemas',
        `"${table.schema}" of ${schemaId} is reserved here`,
        {
          schema: schemaId,
        },
      );
    }
    if (userOutputName === null || table.name === userOutputName) continue;
    throw refuseField(
      `schemas[${schemaId}].user_output_name`,
      `"${userOutputName}" is the output name of another schema of this sync, or longer than the destination allows`,
      { schema: schemaId },
    );
  }
}

/** With `adopt` it would replace what it reads. */
function refuseOwnSource(mine: ReadonlyMap<string, OutputTable>, { placement }: DestinationCapabilities): void {
  if (placement === 'owner')
    throw refuseField(
      'destination_connection_id',
      'leads to the file that the sync reads, which cannot be written meanwhile; choose a connection to another file',
    );
  const read = new Set([...mine.keys()].map((schemaId) => toKey(splitSchemaId(schemaId))));
  for (const table of mine.values()) {
    if (!read.has(toKey(table))) continue;
    throw refuseField(
      'destination_configuration.schema',
      `the table ${toText(table)} is read by this sync and would be written by it; choose another destination schema`,
      { schema: toText(table) },
    );
  }
}

const toKey = ({ schema, name }: { readonly schema: string | null; readonly name: string }): string =>
  JSON.stringify([schema ?? '', name]);

const toText = ({ schema, name }: OutputTable): string => `${schema === '' ? '' : `${schema}.`}${name}`;

/** Tables of a sync's enabled schemas, by schema id. */
export function nameTables(
  sync: SyncNaming,
  schemas: readonly NamedSchema[],
  destination: DestinationCapabilities,
): ReadonlyMap<string, OutputTable> {
  const { maxNameBytes, distinguishesCase } = destination;
  return assignTables(
    schemas.map((schema) => ({ ...schema, isRetired: !schema.enabled })),
    readDestinationOptions(sync.destinationConfiguration),
    {
      rule: sync.normalizeNames,
      maxBytes: maxNameBytes,
      distinguishesCase,
      defaultSchema: String(destination.configuration.schema?.default ?? ''),
    },
  );
}

function findShared(
  mine: ReadonlyMap<string, OutputTable>,
  theirs: ReadonlyMap<string, OutputTable>,
  { distinguishesCase }: DestinationCapabilities,
): { readonly schemaId: string; readonly table: OutputTable } | undefined {
  const key = (table: OutputTable): string => nameKey(toKey(table), distinguishesCase);
  const others = new Set([...theirs.values()].map(key));
  for (const [schemaId, table] of mine) if (others.has(key(table))) return { schemaId, table };
  return undefined;
}
