import { hashWithKey } from '../keyed-hash.ts';
import { DELETED_AT, foldName, type Naming, OWN_COLUMNS } from './expected-names.ts';
import type { SyncChoice, TableChoice } from './random-syncs.ts';

// What the tables of a destination must hold, worked out from the documentation and not by the product's code.

/** The columns that a merge goes by; none = the table is replaced each time. */
function keyOf({ table, fields }: TableChoice): readonly string[] {
  const key = table.declaredKey ?? table.primaryKey;
  return fields === null || key.every((name) => fields.includes(name)) ? key : [];
}

/** True when deleted records stay, marked. */
function keepsTombstones(sync: SyncChoice, choice: TableChoice): boolean {
  return sync.mode === 'replicate' && !sync.hardDeletes && keyOf(choice).length > 0;
}

/** The columns that Millrace adds by the options of today. */
function expectOwnColumns(sync: SyncChoice, choice: TableChoice): readonly string[] {
  const timestamps = sync.hasTimestamps ? OWN_COLUMNS.filter((name) => name !== DELETED_AT) : [];
  return [...timestamps, ...(keepsTombstones(sync, choice) ? [DELETED_AT] : [])];
}

/** The cutoff that holds for a table; null = none. */
function cutoffOf(sync: SyncChoice, choice: TableChoice): string | null {
  return choice.isCutoffDisabled || choice.tracking !== 'changed_at' ? null : (choice.cutoff ?? sync.cutoff);
}

/** What decides which records belong to the image, and how they are written: another one makes the next read complete. */
function shapeOf(sync: SyncChoice, choice: TableChoice, today: Columns): string {
  const filters = choice.filters.map((filter) => [filter.field_id, filter.function, filter.value ?? null]);
  const ways = [sync.mode, sync.truncates, sync.hardDeletes];
  const columns = [...today].map(([name, { field, type }]) => [name, field, type]);
  return JSON.stringify([ways, filters, cutoffOf(sync, choice), choice.tracking, columns]);
}

/** The condition in SQL of the source for the records that belong to the sync. */
export function toCondition(sync: SyncChoice, choice: TableChoice): string {
  const cutoff = cutoffOf(sync, choice);
  const parts = choice.filters.map(({ sql }) => `(${sql})`);
  return ['true', ...parts, ...(cutoff === null ? [] : [`changed_at >= '${cutoff}'`])].join(' AND ');
}

/** A column of a table in the destination. */
export interface Column {
  /** The field that filled it last, and its type in the source. */
  readonly field: string;
  readonly type: string;
  /** A name that was changed in case only may stay as it was, where case is nothing. */
  readonly spellings: readonly string[];
}

/** By folded output name. */
export type Columns = ReadonlyMap<string, Column>;

/** A record by folded output names. */
export type Cells = ReadonlyMap<string, unknown>;

interface StoredRecord {
  readonly cells: Cells;
  readonly isDeleted: boolean;
}

/** What a table of the destination holds. */
export interface TableState {
  readonly columns: Columns;
  readonly records: readonly StoredRecord[];
  /** The columns that Millrace added, and those of them that are there for sure. */
  readonly own: readonly string[];
  readonly sureOwn: readonly string[];
  /** Folded output names of the key. */
  readonly key: readonly string[];
  readonly shape: string;
  readonly obfuscated: readonly string[];
  /** False: the next read is complete. */
  readonly hasCursor: boolean;
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
  /** Records that belong to the sync. */
  readonly records: readonly Cells[];
  /** False when no record of the table has a value in the tracking field, where that is a number. */
  readonly hasCursor: boolean;
}

/** One table of a sync, and where it goes. */
export interface Setting {
  readonly sync: SyncChoice;
  readonly choice: TableChoice;
  readonly naming: Naming;
  /** Output names by source name. */
  readonly names: ReadonlyMap<string, string>;
  /** What is in its place; `taken` = what this sync has filled from another table. */
  readonly before: TableState | 'taken' | null;
  /** True when the last load that completed went elsewhere. */
  readonly isReturn: boolean;
}

type Load = 'replace' | 'merge' | 'delta';

/** What an execution makes of a table; `load` null = it is left alone, `failure` = what it says when nothing is changed. */
export type Outcome =
  | { readonly load: null; readonly failure: null }
  | { readonly load: null; readonly failure: RegExp }
  /** What is found while it is read only; a merge has added its new columns by then. */
  | { readonly load: Load; readonly failure: RegExp; readonly state: TableState | null }
  | { readonly load: Load; readonly failure: null; readonly state: TableState };

/** Whether a key tells the records apart, each of which needs a value in each of its columns. */
function isKeyBroken(records: readonly Cells[], key: readonly string[]): boolean {
  const seen = records.map((cells) => toKey(cells, key));
  return seen.includes(null) || new Set(seen).size < seen.length;
}

/** Null where a value is missing. */
function toKey(cells: Cells, key: readonly string[]): string | null {
  const values = key.map((name) => cells.get(name) ?? null);
  return values.includes(null) ? null : JSON.stringify(values);
}

function isLeftOut({ sync, choice }: Setting, start: StartChoice): boolean {
  const hasDeltas = choice.tracking !== null && sync.mode === 'replicate' && keyOf(choice).length > 0;
  const isSkipped = start.fetch_mode === 'incremental' && !hasDeltas;
  return !choice.isEnabled || start.schemas?.includes(choice.table.id) === false || isSkipped;
}

/** True when nothing of the table that is there is kept. */
function isMadeAnew({ sync, choice }: Setting, start: StartChoice, before: TableState): boolean {
  const isHidden = before.obfuscated.join() !== choice.obfuscated.join();
  return start.resync_mode === 'rebuild' || (isHidden && sync.mode === 'replicate');
}

function expectLoad(setting: Setting, start: StartChoice, before: TableState | null, shape: string): Load {
  const { sync, choice, naming, names } = setting;
  if (before === null || isMadeAnew(setting, start, before) || start.resync_mode === 'resync') return 'replace';
  const key = foldedKey(choice, names, naming);
  if (sync.mode === 'snapshot' || key.length === 0) return 'replace';
  if ([...key].sort().join() !== [...before.key].sort().join()) return 'replace';
  const isComplete = start.fetch_mode === 'full' || start.resync_mode !== undefined || setting.isReturn;
  const hasDelta = choice.tracking !== null && before.hasCursor && before.shape === shape;
  return hasDelta && !isComplete ? 'delta' : 'merge';
}

function foldedKey(choice: TableChoice, names: ReadonlyMap<string, string>, naming: Naming): string[] {
  return keyOf(choice).map((name) => foldName(names.get(name) ?? '', naming));
}

/** What an execution makes of a table. */
export function expectRun(setting: Setting, start: StartChoice, source: SourceImage): Outcome {
  const { sync, choice, naming, names, before } = setting;
  if (isLeftOut(setting, start)) return { load: null, failure: null };
  if (before === 'taken') return { load: null, failure: /was filled by this sync from .*, before names changed/ };
  const shape = shapeOf(sync, choice, source.columns);
  const key = foldedKey(choice, names, naming);
  const load = expectLoad(setting, start, before, shape);
  const ownToday = expectOwnColumns(sync, choice);
  const fitted = before === null ? null : addColumns(before, source.columns, ownToday);
  if (key.length > 0 && isKeyBroken(source.records, key)) {
    // Which of two records with one key a delta reads is nothing that the documentation says.
    if (load === 'delta') throw new Error(`A delta of ${choice.table.id} has a broken key.`);
    return { load, failure: /its declared key .* does not tell apart/, state: load === 'merge' ? fitted : before };
  }
  const told = { shape, key, obfuscated: choice.obfuscated, hasCursor: source.hasCursor };
  const living = source.records.map((cells) => ({ cells, isDeleted: false }));
  if (before === null || isMadeAnew(setting, start, before)) {
    const state = { columns: source.columns, records: living, own: ownToday, sureOwn: ownToday, ...told };
    return { load, failure: null, state };
  }
  // One that is filled no more stays, but where the table is exchanged for another one.
  const own = [...new Set([...before.own, ...ownToday])];
  const isKept = load !== 'replace' || (start.resync_mode === 'resync' && sync.mode === 'replicate' && key.length > 0);
  const sureOwn = isKept ? [...new Set([...before.sureOwn, ...ownToday])] : ownToday;
  const common = { columns: uniteColumns(before.columns, source.columns), own, sureOwn, ...told };
  // Columns that are filled no more stay, and records that are known keep their values in them.
  if (key.length === 0) return { load, failure: null, state: { ...common, records: living } };
  const carried = carryOver(before, source.records, {
    key,
    isDelta: load === 'delta',
    keeps: keepsTombstones(sync, choice),
  });
  const noPlace = /keeps records that are deleted in the source, and with the source’s new key/;
  if (carried === null) return { load, failure: noPlace, state: before };
  return { load, failure: null, state: { ...common, records: carried } };
}

function addColumns(before: TableState, today: Columns, ownToday: readonly string[]): TableState {
  const unite = (names: readonly string[]) => [...new Set([...names, ...ownToday])];
  const columns = new Map([...today, ...before.columns]);
  return { ...before, columns, own: unite(before.own), sureOwn: unite(before.sureOwn) };
}

function uniteColumns(before: Columns, today: Columns): Columns {
  const columns = new Map(before);
  for (const [name, column] of today) {
    const spellings = [...(before.get(name)?.spellings ?? []), ...column.spellings];
    columns.set(name, { ...column, spellings: [...new Set(spellings)] });
  }
  return columns;
}

/** The records of today with what is kept of those that were there; null = what is kept has no place under the key. */
function carryOver(
  before: TableState,
  today: readonly Cells[],
  { key, isDelta, keeps }: { readonly key: readonly string[]; readonly isDelta: boolean; readonly keeps: boolean },
): readonly StoredRecord[] | null {
  const living = new Map(today.map((cells) => [toKey(cells, key), cells]));
  const isKnown = key.every((name) => before.columns.has(name));
  if (!isKnown) {
    const hasTombstones = keeps && before.records.some(({ isDeleted }) => isDeleted);
    return hasTombstones ? null : today.map((cells) => ({ cells, isDeleted: false }));
  }
  const older = Map.groupBy(before.records, ({ cells }) => toKey(cells, key));
  const updated = [...living].map(([value, cells]) => {
    const known = older.get(value) ?? [];
    return { cells: new Map([...known.flatMap((record) => [...record.cells]), ...cells]), isDeleted: false };
  });
  const missing = before.records.filter(({ cells }) => !living.has(toKey(cells, key)));
  if (isDelta) return [...missing, ...updated];
  if (!keeps) return updated;
  if (
    isKeyBroken(
      missing.map(({ cells }) => cells),
      key,
    )
  )
    return null;
  return [...missing.map(({ cells }) => ({ cells, isDeleted: true })), ...updated];
}

/** What an obfuscated value becomes. */
export function obfuscate(key: Uint8Array, text: unknown): unknown {
  return typeof text === 'string' ? hashWithKey(key, text) : text;
}
