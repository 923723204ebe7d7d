import { hashWithKey } from '../keyed-hash.ts';
import { isRead, type SourceTable, type SyncChoice, type TableChoice } from './random-syncs.ts';

// What the tables of a destination must hold, worked out from the documentation and not by the product's code.

/** Marks records that left the source. */
export const DELETED_AT = '__millrace_deleted_at';

/** A destination as far as names depend on it. */
export interface Naming {
  readonly isCaseless: boolean;
}

/** Where a table goes. */
export interface Target {
  readonly schema: string;
  readonly name: string;
}

/** Gives each its name: what the user chose first, then by the rule; of two alike the later one gets an underscore. */
function nameAll(
  things: readonly { readonly id: string; readonly user: string | null; readonly name: string }[],
  reserved: readonly string[],
  { isCaseless }: Naming,
): ReadonlyMap<string, string> {
  const fold = (name: string) => (isCaseless ? name.toLowerCase() : name);
  const taken = new Set(reserved.map(fold));
  const names = new Map<string, string>();
  const give = (id: string, wanted: string) => {
    let name = wanted;
    while (taken.has(fold(name))) name += '_';
    taken.add(fold(name));
    names.set(id, name);
  };
  for (const { id, user } of things) if (user !== null) give(id, user);
  for (const { id, user, name } of things) if (user === null) give(id, name);
  return names;
}

const OWN = ['__millrace_created_at', '__millrace_updated_at', DELETED_AT];

/** Tables by source id. @param given what earlier executions named; it keeps its names, and is in the way of others */
export function expectTargets(
  sync: SyncChoice,
  naming: Naming,
  given: ReadonlyMap<string, Target>,
): ReadonlyMap<string, Target> {
  const placeOf = (table: SourceTable) => (sync.mirrors ? table.schema : 'landing');
  const fresh = sync.tables.filter(({ table, isEnabled }) => isEnabled && !given.has(table.id));
  const sorted = fresh.sort((one, other) => (one.table.id < other.table.id ? -1 : 1));
  const targets = new Map(given);
  for (const [schema, choices] of Map.groupBy(sorted, ({ table }) => placeOf(table))) {
    const things = choices.map(({ table, userName }) => ({
      id: table.id,
      user: userName,
      name: sync.prefix + table.names[sync.normalizeNames],
    }));
    const taken = [...given.values()].filter((target) => target.schema === schema).map(({ name }) => name);
    for (const [id, name] of nameAll(things, taken, naming)) targets.set(id, { schema, name });
  }
  return targets;
}

/** Output names by source name, of the fields that are read. */
export function nameColumns(sync: SyncChoice, choice: TableChoice, naming: Naming): ReadonlyMap<string, string> {
  const things = choice.table.columns.map(({ name, names }) => ({
    id: name,
    user: choice.userFieldNames[name] ?? null,
    name: names[sync.normalizeNames],
  }));
  const all = nameAll(things, OWN, naming);
  const read = things.filter(({ id }) => isRead(choice, id));
  return new Map(read.map(({ id }) => [id, all.get(id) ?? '']));
}

/** What the columns of a table that Millrace made are called when they are sent on with `normalize_names: disabled`. */
export function nameReturned(columns: readonly string[]): ReadonlyMap<string, string> {
  const things = columns.map((name) => ({ id: name, user: null, name }));
  return nameAll(things, OWN, { isCaseless: false });
}

/** True when each field that is read before and after has the same name in the destination. */
export function keepsNames(before: SyncChoice, after: SyncChoice, index: number, naming: Naming): boolean {
  const [one, other] = [before.tables[index], after.tables[index]];
  if (one === undefined || other === undefined) return false;
  const later = nameColumns(after, other, naming);
  return [...nameColumns(before, one, naming)].every(([id, name]) => (later.get(id) ?? name) === name);
}

/** The columns that a merge goes by; none = the table is replaced each time. */
export function keyOf({ table, fields }: TableChoice): readonly string[] {
  const key = table.declaredKey ?? table.primaryKey;
  return fields === null || key.every((name) => fields.includes(name)) ? key : [];
}

/** True when deleted records stay, marked. */
function keepsTombstones(sync: SyncChoice, choice: TableChoice): boolean {
  return sync.mode === 'replicate' && !sync.hardDeletes && keyOf(choice).length > 0;
}

/** The columns that Millrace adds by the options of today. */
function expectOwnColumns(sync: SyncChoice, choice: TableChoice): readonly string[] {
  return [...(sync.hasTimestamps ? OWN.slice(0, 2) : []), ...(keepsTombstones(sync, choice) ? OWN.slice(2) : [])];
}

/** The cutoff that holds for a table; null = none. */
function cutoffOf(sync: SyncChoice, choice: TableChoice): string | null {
  return choice.isCutoffDisabled || choice.tracking !== 'changed_at' ? null : (choice.cutoff ?? sync.cutoff);
}

/** What decides which records belong to the image, and how they are written: another one makes the next read complete. */
function shapeOf(sync: SyncChoice, choice: TableChoice, today: Columns): string {
  const filters = choice.filters.map((filter) => [filter.field_id, filter.function, filter.value ?? null]);
  const ways = [sync.mode, sync.truncates, sync.hardDeletes];
  return JSON.stringify([ways, filters, cutoffOf(sync, choice), choice.tracking, [...today]]);
}

/** The condition in SQL of the source for the records that belong to the sync. */
export function toCondition(sync: SyncChoice, choice: TableChoice): string {
  const cutoff = cutoffOf(sync, choice);
  const parts = choice.filters.map(({ sql }) => `(${sql})`);
  return ['true', ...parts, ...(cutoff === null ? [] : [`changed_at >= '${cutoff}'`])].join(' AND ');
}

/** Types of the source by output name. */
export type Columns = ReadonlyMap<string, string>;

/** A record by output names. */
export type Cells = ReadonlyMap<string, unknown>;

interface StoredRecord {
  readonly cells: Cells;
  readonly isDeleted: boolean;
}

/** What a table of the destination holds. */
export interface TableState {
  readonly columns: Columns;
  /** By key, or by whatever tells the records apart where there is none. */
  readonly records: ReadonlyMap<string, StoredRecord>;
  /** The columns that Millrace added, and those of them that are there for sure. */
  readonly own: readonly string[];
  readonly sureOwn: readonly string[];
  readonly shape: string;
  readonly obfuscated: readonly string[];
  /** False: the next read is complete. */
  readonly hasCursor: boolean;
  /** The load that made it; null = it was left alone. */
  readonly load: 'replace' | 'merge' | 'delta' | null;
}

/** Options of one start. */
export interface StartChoice {
  readonly schemas?: string[];
  readonly resync_mode?: 'refetch' | 'resync' | 'rebuild';
  readonly fetch_mode?: 'full' | 'incremental';
}

/** What the source holds when an execution begins. */
export interface SourceImage {
  readonly columns: Columns;
  /** Records that belong to the sync, by key. */
  readonly records: ReadonlyMap<string, Cells>;
  /** False when no record of the table has a value in the tracking field, where that is a number. */
  readonly hasCursor: boolean;
}

/** What an execution makes of a table. */
export function expectRun(
  sync: SyncChoice,
  choice: TableChoice,
  start: StartChoice,
  before: TableState | null,
  source: SourceImage,
): TableState | null {
  const isLeftOut = !choice.isEnabled || (start.schemas !== undefined && !start.schemas.includes(choice.table.id));
  const hasDeltas = choice.tracking !== null && sync.mode === 'replicate' && keyOf(choice).length > 0;
  const isSkipped = start.fetch_mode === 'incremental' && !hasDeltas;
  if (isLeftOut || isSkipped) return before === null ? null : { ...before, load: null };
  const { columns: today, hasCursor } = source;
  const shape = shapeOf(sync, choice, today);
  const { obfuscated } = choice;
  const ownToday = expectOwnColumns(sync, choice);
  // One that is filled no more stays, but where the table is exchanged for another one.
  const unite = (columns: readonly string[] = []) => [...new Set([...columns, ...ownToday])];
  const replaced = { own: unite(before?.own), sureOwn: ownToday };
  const merged = { own: unite(before?.own), sureOwn: unite(before?.sureOwn) };
  const told = { shape, hasCursor, obfuscated };
  const isHidden = before !== null && before.obfuscated.join() !== obfuscated.join();
  const living = [...source.records].map(([key, cells]) => [key, { cells, isDeleted: false }] as const);
  const isKeyless = keyOf(choice).length === 0;
  if (before === null || start.resync_mode === 'rebuild' || (isHidden && sync.mode === 'replicate'))
    return { columns: today, records: new Map(living), ...told, own: ownToday, sureOwn: ownToday, load: 'replace' };
  // Columns that are filled no more stay, and records that are known keep their values in them.
  const columns = new Map([...before.columns, ...today]);
  if (isKeyless) return { columns, records: new Map(living), ...told, ...replaced, load: 'replace' };
  const kept: (readonly [string, StoredRecord])[] = living.map(([key, { cells }]) => {
    const older = before.records.get(key)?.cells ?? new Map();
    return [key, { cells: new Map([...older, ...cells]), isDeleted: false }];
  });
  if (sync.mode === 'snapshot') return { columns, records: new Map(kept), ...told, ...replaced, load: 'replace' };
  const isComplete = start.fetch_mode === 'full' || start.resync_mode !== undefined;
  if (!isComplete && choice.tracking !== null && before.hasCursor && before.shape === shape)
    return { columns, records: new Map([...before.records, ...kept]), ...told, ...merged, load: 'delta' };
  const gone = keepsTombstones(sync, choice)
    ? [...before.records].map(([key, { cells }]) => [key, { cells, isDeleted: true }] as const)
    : [];
  const load = start.resync_mode === 'resync' ? 'replace' : 'merge';
  return { columns, records: new Map([...gone, ...kept]), ...told, ...merged, load };
}

/** What an obfuscated value becomes. */
export function obfuscate(key: Uint8Array, text: unknown): unknown {
  return typeof text === 'string' ? hashWithKey(key, text) : text;
}
