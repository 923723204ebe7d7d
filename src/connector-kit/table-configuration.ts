import type { ConfigurationValue } from './connector.ts';

/** What a sync's `destination_configuration.advanced` may hold. */
export type TableOption = 'table_prefix' | 'truncate_existing' | 'hard_deletes';

const OPTIONS: Readonly<Record<TableOption, ConfigurationValue>> = {
  table_prefix: { type: 'string' },
  truncate_existing: { type: 'boolean' },
  hard_deletes: { type: 'boolean' },
};

/** The destination configuration of a system of tables in schemas. */
export function configureTables(
  defaultSchema: string,
  options: readonly TableOption[],
): Readonly<Record<string, ConfigurationValue>> {
  return {
    schema: { type: 'string', default: defaultSchema },
    // The public API shows switches without a default.
    mirror_schemas: { type: 'boolean' },
    advanced: { items: Object.fromEntries(options.map((option) => [option, OPTIONS[option]])) },
  };
}
