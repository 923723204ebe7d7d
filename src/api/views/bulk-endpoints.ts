import type { z } from 'zod';
import type { bulkDestinationSchema, bulkSourceSchema } from '../../contract/index.ts';
import type { BulkDestination, BulkSource } from '../../operations/index.ts';
import { toSchemaBody } from './schemas.ts';

/** What a bulk sync may read, on the wire. */
export function toBulkSourceBody(source: BulkSource, includeFields: boolean): z.output<typeof bulkSourceSchema> {
  return {
    capabilities: { supports_tracking_fields: source.capabilities.supportsTrackingFields },
    configuration: toConfigurationBody(source.capabilities.configuration),
    schemas: source.schemas.map((schema) => toSchemaBody(schema, includeFields)),
  };
}

const MODES = {
  replicate: { label: 'Replicate', description: 'Keep the destination equal to the source' },
  snapshot: { label: 'Replace', description: 'Replace all records' },
} as const;

/** What a bulk sync may write, on the wire. */
export function toBulkDestinationBody(destination: BulkDestination): z.output<typeof bulkDestinationSchema> {
  return {
    configuration: toConfigurationBody(destination.configuration),
    modes: destination.modes.map((id) => ({
      id,
      ...MODES[id],
      requires_identity: false,
      supports_field_sync_mode: false,
      supports_target_filters: false,
    })),
    supported_resync_modes: [...destination.resyncModes],
  };
}

type Described = BulkDestination['configuration'];

/** Each key with its default and whether it is required; a nested object with its keys only, as the public example has it. */
function toConfigurationBody(described: Described): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(described).map(([key, value]) => [
      key,
      value.items === undefined
        ? { default: toDefault(value.default), items: null, required: value.required ?? false }
        : { items: toConfigurationBody(value.items) },
    ]),
  );
}

/** The public examples show the empty text for switches that are off, too. */
function toDefault(value: unknown): unknown {
  return value === undefined || value === false ? '' : value;
}
