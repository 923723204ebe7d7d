import type { BulkSyncRequest } from '../../../src/contract/index.ts';
import { isListed, type SyncChoice, type TableChoice } from './random-syncs.ts';

// Choices as the API takes them.

/** The body that makes a sync. Names that a user gives can only be patched in. */
export function toCreateRequest(
  name: string,
  [sourceId, destinationId]: readonly [string, string],
  choice: SyncChoice,
): BulkSyncRequest {
  return {
    name,
    mode: choice.mode,
    source_connection_id: sourceId,
    destination_connection_id: destinationId,
    destination_configuration: {
      schema: 'landing',
      mirror_schemas: choice.mirrors,
      advanced: {
        table_prefix: choice.prefix,
        truncate_existing: choice.truncates,
        hard_deletes: choice.hardDeletes,
      },
    },
    default_schedule: { frequency: 'manual' },
    normalize_names: choice.normalizeNames,
    disable_record_timestamps: !choice.hasTimestamps,
    data_cutoff_timestamp: choice.cutoff,
    concurrency_limit: choice.concurrency,
    resync_concurrency_limit: choice.resyncConcurrency,
    automatically_add_new_fields: choice.newFields,
    automatically_add_new_objects: choice.newTables,
    schemas: choice.tables.map((table) => ({
      id: table.table.id,
      enabled: table.isEnabled,
      ...recordsOf(table),
      fields: fieldsOf(table)?.map(({ id, isObfuscated }) => ({ id, enabled: true, obfuscate: isObfuscated })),
    })),
  };
}

/** One entry of a patch of a sync's schemas. */
export function toSchemaPatch(choice: TableChoice) {
  return {
    id: choice.table.id,
    enabled: choice.isEnabled,
    ...recordsOf(choice),
    user_output_name: choice.userName,
    fields: fieldsOf(choice)?.map(({ id, isObfuscated, userName }) => ({
      id,
      enabled: true,
      obfuscated: isObfuscated,
      user_output_name: userName,
    })),
  };
}

function recordsOf(choice: TableChoice) {
  return {
    filters: choice.filters.map(({ sql: _, ...filter }) => filter),
    tracking_field: choice.tracking,
    data_cutoff_timestamp: choice.cutoff,
    disable_data_cutoff: choice.isCutoffDisabled,
  };
}

function fieldsOf(choice: TableChoice) {
  const { table, fields, obfuscated, userFieldNames } = choice;
  if (!isListed(choice)) return undefined;
  return (fields ?? table.columns.map(({ name }) => name)).map((id) => ({
    id,
    isObfuscated: obfuscated.includes(id),
    userName: userFieldNames[id] ?? null,
  }));
}
