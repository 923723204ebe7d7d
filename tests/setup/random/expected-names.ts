import { isRead, type SourceTable, type SyncChoice, type TableChoice } from './random-syncs.ts';

// What tables and columns of a destination must be called, worked out from docs/sync-options.md.

/** Marks records that left the source. */
export const DELETED_AT = '__millrace_deleted_at';

/** The columns that Millrace adds. */
export const OWN_COLUMNS: readonly string[] = ['__millrace_created_at', '__millrace_updated_at', DELETED_AT];

/** A destination as far as names depend on it. */
export interface Naming {
  readonly isCaseless: boolean;
}

/** What the destination knows a name by. */
export function foldName(name: string, { isCaseless }: Naming): string {
  return isCaseless ? name.toLowerCase() : name;
}

/** Where a table goes. */
export interface Target {
  readonly schema: string;
  readonly name: string;
}

/** What the destination knows a table by. */
export function foldTarget({ schema, name }: Target, naming: Naming): string {
  return JSON.stringify([foldName(schema, naming), foldName(name, naming)]);
}

/** What the last load of a table that completed has called it and its columns, by source name. */
export interface LastNames {
  readonly target: Target;
  readonly columns: ReadonlyMap<string, string>;
}

interface Thing {
  readonly id: string;
  readonly user: string | null;
  readonly name: string;
  /** What it is called already. */
  readonly last: string | null;
}

/**
 * Gives each its name: what the user chose first, then what it has and the rule could give, then by the rule; of two alike
 * the later one gets an underscore.
 */
function nameAll(things: readonly Thing[], reserved: readonly string[], naming: Naming): ReadonlyMap<string, string> {
  const taken = new Set(reserved.map((name) => foldName(name, naming)));
  const names = new Map<string, string>();
  const give = (id: string, wanted: string) => {
    let name = wanted;
    while (taken.has(foldName(name, naming))) name += '_';
    taken.add(foldName(name, naming));
    names.set(id, name);
  };
  for (const { id, user } of things) if (user !== null) give(id, user);
  for (const { id, name, last } of things) {
    const isByRule = last?.startsWith(name) === true && /^_*$/.test(last.slice(name.length));
    if (isByRule && !names.has(id) && !taken.has(foldName(last, naming))) give(id, last);
  }
  for (const { id, name } of things) if (!names.has(id)) give(id, name);
  return names;
}

/** What the names of a sync's tables depend on besides its options. */
export interface NamingPast {
  /** By source id. */
  readonly lastNames: ReadonlyMap<string, LastNames>;
  /** By source id: when it was enabled last, as a number that grows. */
  readonly enabledAt: ReadonlyMap<string, number>;
}

/** Tables by source id, of those that are enabled. */
export function expectTargets(
  sync: SyncChoice,
  naming: Naming,
  { lastNames, enabledAt }: NamingPast,
): ReadonlyMap<string, Target> {
  const placeOf = (table: SourceTable) => (sync.mirrors ? table.schema : 'landing');
  const since = ({ table }: TableChoice) => enabledAt.get(table.id) ?? Number.POSITIVE_INFINITY;
  const sorted = sync.tables
    .filter(({ isEnabled }) => isEnabled)
    .sort((one, other) => since(one) - since(other) || (one.table.id < other.table.id ? -1 : 1));
  const targets = new Map<string, Target>();
  for (const [schema, choices] of Map.groupBy(sorted, ({ table }) => placeOf(table))) {
    const lastOf = (id: string): string | null => {
      const last = lastNames.get(id)?.target;
      return last?.schema === schema ? last.name : null;
    };
    const things = choices.map(({ table, userName }) => ({
      id: table.id,
      user: userName,
      name: sync.prefix + table.names[sync.normalizeNames],
      last: lastOf(table.id),
    }));
    const wanted = things.flatMap(({ user, last }) => [user, last]);
    const disabled = sync.tables.filter(({ isEnabled }) => !isEnabled).map(({ table }) => lastOf(table.id));
    const kept = disabled.filter((name) => name !== null).filter((name) => !wanted.includes(name));
    for (const [id, name] of nameAll(things, kept, naming)) targets.set(id, { schema, name });
  }
  return targets;
}

/** Output names by source name, of the fields that are read. */
export function nameColumns(
  sync: SyncChoice,
  choice: TableChoice,
  naming: Naming,
  last: LastNames | undefined,
): ReadonlyMap<string, string> {
  const things = choice.table.columns.map(({ name, names }) => ({
    id: name,
    user: choice.userFieldNames[name] ?? null,
    name: names[sync.normalizeNames],
    last: last?.columns.get(name) ?? null,
  }));
  const all = nameAll(things, OWN_COLUMNS, naming);
  const read = things.filter(({ id }) => isRead(choice, id));
  return new Map(read.map(({ id }) => [id, all.get(id) ?? '']));
}

/** What the columns of a table that Millrace made are called when they are sent on with `normalize_names: disabled`. */
export function nameReturned(columns: readonly string[]): ReadonlyMap<string, string> {
  const things = columns.map((name) => ({ id: name, user: null, name, last: null }));
  return nameAll(things, OWN_COLUMNS, { isCaseless: false });
}
