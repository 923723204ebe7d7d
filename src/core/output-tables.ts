import type { SeenSchema } from './drift.ts';
import { assignOutputNames, fitName, type NamedThing, type NamingOptions, nameKey } from './names.ts';

/** The options of a sync's destination that every database destination has; what is not set is null, false or ''. */
export interface DestinationOptions {
  /** The schema for all tables; null = the destination's default. */
  readonly schema: string | null;
  /** Tables go to schemas named like the source's. */
  readonly mirrorSchemas: boolean;
  readonly tablePrefix: string;
  /** Replacements keep the table and exchange its records. */
  readonly truncateExisting: boolean;
  /** Records that left the source are removed instead of marked. */
  readonly hardDeletes: boolean;
}

/** Reads a sync's destination configuration, which was checked against its connector when it was saved. */
export function readDestinationOptions(configuration: Readonly<Record<string, unknown>>): DestinationOptions {
  const { schema, mirror_schemas: mirrors, advanced } = configuration;
  const more = typeof advanced === 'object' && advanced !== null ? new Map(Object.entries(advanced)) : new Map();
  const prefix: unknown = more.get('table_prefix');
  return {
    schema: typeof schema === 'string' && schema !== '' ? schema : null,
    mirrorSchemas: mirrors === true,
    tablePrefix: typeof prefix === 'string' ? prefix : '',
    truncateExisting: more.get('truncate_existing') === true,
    hardDeletes: more.get('hard_deletes') === true,
  };
}

/** One schema of a sync, as far as its table's name, or that of another, depends on it. */
export interface SchemaToName {
  readonly schemaId: string;
  /** Taken literally and without a prefix; null = by the rule. */
  readonly userOutputName: string | null;
  /** Earlier ones keep their names when a later one clashes. */
  readonly enabledAt: Date;
  /** The table that it was loaded into last; null or absent = it never was. */
  readonly lastTable?: OutputTable | null;
  /** True when it is disabled: it gets no table, and its last one keeps its name from others. */
  readonly isRetired?: boolean;
}

/** Where a schema's records go; `schema` is '' where the destination has no schemas. */
export interface OutputTable {
  readonly schema: string;
  readonly name: string;
}

/**
 * Tables by schema id, for all enabled schemas of one sync (also when an execution runs only some of them). Names differ
 * within each of the destination's schemas, and stay when another schema is enabled, disabled or lost. The order of
 * `schemas` does not matter.
 */
export function assignTables(
  schemas: readonly SchemaToName[],
  options: Pick<DestinationOptions, 'schema' | 'mirrorSchemas' | 'tablePrefix'>,
  naming: NamingOptions & { readonly defaultSchema: string },
): ReadonlyMap<string, OutputTable> {
  const { distinguishesCase, maxBytes, defaultSchema } = naming;
  const common = options.schema ?? defaultSchema;
  const key = (name: string): string => nameKey(name, distinguishesCase);
  const enabled = schemas.filter(({ isRetired }) => isRetired !== true).sort(byAge);
  const placed = enabled.map(({ schemaId, userOutputName, lastTable }) => {
    const { schema, name } = splitSchemaId(schemaId);
    const place = options.mirrorSchemas && schema !== null ? fitName(schema, maxBytes) : common;
    const lastName = lastTable != null && key(lastTable.schema) === key(place) ? lastTable.name : null;
    return { id: schemaId, name, userName: userOutputName, lastName, place };
  });
  const tables = new Map<string, OutputTable>();
  for (const [place, group] of Map.groupBy(placed, (schema) => key(schema.place))) {
    // What somebody chose, or has already, is not kept from them.
    const owned = new Set(
      group.flatMap(({ userName, lastName }) => [userName, lastName]).filter((name) => name !== null),
    );
    const left = schemas.flatMap(({ isRetired, lastTable }) =>
      isRetired === true && lastTable != null && key(lastTable.schema) === place ? [lastTable.name] : [],
    );
    const reserved = left.filter((name) => !owned.has(name));
    const names = assignOutputNames(group, { ...naming, prefix: options.tablePrefix, reserved });
    // Of two spellings that the destination takes for one, the earlier one makes the schema.
    const schema = group[0]?.place ?? common;
    for (const [id, name] of names) tables.set(id, { schema, name });
  }
  return tables;
}

/** By code units: a collation would name tables differently on another machine. */
function byAge(one: SchemaToName, other: SchemaToName): number {
  const older = one.enabledAt.getTime() - other.enabledAt.getTime();
  return older !== 0 ? older : one.schemaId < other.schemaId ? -1 : 1;
}

/**
 * A database's `schema.table` in its parts, also where one is quoted as in SQL; `schema` is null for an id without one,
 * which is quoted, too, if it holds a dot.
 */
export function splitSchemaId(schemaId: string): { readonly schema: string | null; readonly name: string } {
  const [, schema, name] = /^("(?:[^"]|"")+"|[^."]+)\.("(?:[^"]|"")+"|.+)$/s.exec(schemaId) ?? [];
  if (schema === undefined || name === undefined) return { schema: null, name: unquote(schemaId) };
  return { schema: unquote(schema), name: unquote(name) };
}

function unquote(part: string): string {
  return /^"(?:[^"]|"")+"$/.test(part) ? part.slice(1, -1).replaceAll('""', '"') : part;
}

/** The columns that Millrace adds to records; source fields keep out of their names. */
export function ownColumns(columnPrefix: string): readonly string[] {
  return ['created_at', 'updated_at', 'deleted_at'].map((name) => `${columnPrefix}${name}`);
}

/**
 * Column names by field id, for all fields of one schema in the source's order.
 * @param selected what the user set for single fields; null = nothing
 * @param last what the last load has written; null = there was none
 */
export function assignColumns(
  fields: readonly NamedThing[],
  selected: readonly { readonly id: string; readonly userOutputName: string | null }[] | null,
  naming: NamingOptions & { readonly columnPrefix: string },
  last: Pick<SeenSchema, 'fields'> | null = null,
): ReadonlyMap<string, string> {
  const lastNames = new Map(last?.fields.map(({ id, name }) => [id, name ?? null]));
  const userNames = new Map(selected?.map(({ id, userOutputName }) => [id, userOutputName]));
  const things = fields.map(({ id, name }) => ({
    id,
    name,
    userName: userNames.get(id) ?? null,
    lastName: lastNames.get(id) ?? null,
  }));
  return assignOutputNames(things, { ...naming, reserved: ownColumns(naming.columnPrefix) });
}
