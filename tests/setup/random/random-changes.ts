import type { AutoAddRule } from '../../../src/core/index.ts';
import type { Random } from '../../torture/random.ts';
import type { StartChoice } from './expected-tables.ts';
import {
  alike,
  isDoubtful,
  isListed,
  pickDeclaredKey,
  pickSome,
  pickSync,
  type SourceColumn,
  type SourceTable,
  type SyncChoice,
  type TableChoice,
} from './random-syncs.ts';
import { RANDOM_TYPES } from './random-types.ts';

// What the owner of the source changes in its tables, and what becomes of a sync by that.

/** A change of a source's table, as the rest of its ALTER TABLE. */
export interface Drift {
  readonly sql: string;
  readonly table: SourceTable;
  /** A field that syncs take along by themselves. */
  readonly added: string | null;
}

/** Adds, drops, renames or widens a column. @param isFree whether a column may go without breaking a selection */
export function pickDrift(random: Random, table: SourceTable, isFree: (name: string) => boolean): Drift | null {
  const quote = (name: string): string => `"${name.replaceAll('"', '""')}"`;
  const no = random.between(1, 1_000_000);
  const added = { name: `Later ${no}`, names: alike(`Later ${no}`, `later_${no}`) };
  const [free] = pickSome(
    random,
    table.randomColumns.filter(({ name }) => isFree(name)),
    1,
  );
  const without = (name: string) => ({
    columns: table.columns.filter((column) => column.name !== name),
    randomColumns: table.randomColumns.filter((column) => column.name !== name),
  });
  const kind = random.pick(['add', 'add', 'drop', 'rename', 'widen'] as const);
  if (kind === 'widen') {
    const columns = table.columns.map((column) => (column.name === 'n' ? { ...column, type: 'bigint' } : column));
    return { sql: 'ALTER n TYPE bigint', table: { ...table, columns }, added: null };
  }
  if (kind === 'add') {
    const [picked] = pickSome(random, RANDOM_TYPES, 1);
    if (picked === undefined) return null;
    const { type, values } = picked;
    const column = { ...added, type };
    const columns = [...table.columns, column];
    const randomColumns = [...table.randomColumns, { ...column, values }];
    return {
      sql: `ADD COLUMN ${quote(added.name)} ${type}`,
      table: { ...table, columns, randomColumns },
      added: added.name,
    };
  }
  if (free === undefined) return null;
  if (kind === 'drop')
    return { sql: `DROP COLUMN ${quote(free.name)}`, table: { ...table, ...without(free.name) }, added: null };
  const renamed = { ...free, ...added };
  const swap = <T extends SourceColumn>(list: readonly T[]): T[] =>
    list.map((column) => (column.name === free.name ? { ...column, ...added } : column));
  return {
    sql: `RENAME ${quote(free.name)} TO ${quote(renamed.name)}`,
    table: { ...table, columns: swap(table.columns), randomColumns: swap(table.randomColumns) },
    added: added.name,
  };
}

/** True when the sync would not miss the column: it did not choose it by name. */
export function isFree(choice: TableChoice | undefined, name: string): boolean {
  if (choice === undefined) return false;
  return !isListed(choice) || (choice.fields !== null && !choice.fields.includes(name));
}

function admits(rule: AutoAddRule, isIncremental: boolean): boolean {
  return rule === 'all' || rule === (isIncremental ? 'onlyIncremental' : 'onlyNonIncremental');
}

/**
 * The sync after the drift of one of its tables: new fields are taken along by its rule.
 * @param wasRun whether the sync has read the table before; all fields that it has then are none of the new ones
 */
export function follow(
  sync: SyncChoice,
  index: number,
  { table, added }: Drift,
  wasRun: (choice: TableChoice) => boolean,
): SyncChoice {
  const tables = sync.tables.map((choice, i) => {
    if (i !== index) return choice;
    if (added === null) return { ...choice, table };
    const fields = choice.fields === null ? null : [...choice.fields, added];
    if (!isListed(choice) && !wasRun(choice)) return { ...choice, table, fields };
    return decide({ ...choice, table, fields, undecided: [...choice.undecided, added] }, sync.newFields);
  });
  return { ...sync, tables };
}

/** What no execution has met yet, or was left out, comes along by the rule or does not. */
function decide(choice: TableChoice, rule: AutoAddRule): TableChoice {
  const open = [...choice.leftOut, ...choice.undecided];
  const isTaken = admits(rule, choice.tracking !== null);
  const others = choice.fields?.filter((name) => !open.includes(name)) ?? null;
  const fields = others === null || !isTaken ? others : [...others, ...new Set(open)];
  return { ...choice, fields, leftOut: isTaken ? [] : [...new Set(open)] };
}

/** What decides the names of a sync's tables and columns. */
export type NamingOptions = Pick<SyncChoice, 'normalizeNames' | 'prefix' | 'mirrors'>;

/** Other names than those of now, half the time those of `before`. */
export function pickNaming(random: Random, now: NamingOptions, before: NamingOptions): NamingOptions {
  const { normalizeNames, prefix, mirrors } = random.chance(0.5) ? before : now;
  if (random.chance(0.5)) return { normalizeNames, prefix, mirrors };
  const kind = random.pick(['normalizeNames', 'prefix', 'mirrors'] as const);
  return {
    normalizeNames: kind === 'normalizeNames' ? random.pick(['enabled', 'disabled', 'legacy']) : normalizeNames,
    prefix: kind === 'prefix' ? random.pick(['', 'Raw_', 'raw_', 'é ']) : prefix,
    mirrors: kind === 'mirrors' ? !mirrors : mirrors,
  };
}

/** What a user may say next of a table's key: another one, none, or that the source's own is right; undefined = nothing. */
export function pickKeyChange(random: Random, isTracked: boolean): SourceTable['declaredKey'] | undefined {
  if (!random.chance(0.3)) return undefined;
  if (random.chance(0.25)) return null;
  const declaredKey = pickDeclaredKey(random);
  return isTracked && isDoubtful({ declaredKey }) ? undefined : declaredKey;
}

/** The sync with other options, which leave its tables where they are. @param later tables of the source that it does not know */
export function changeOptions(random: Random, sync: SyncChoice, later: readonly NewTable[]): SyncChoice {
  const { tables: _, ...options } = pickSync(
    random,
    sync.tables.map(({ table }) => table),
  );
  const { normalizeNames, prefix, mirrors } = sync;
  const changed = { ...options, normalizeNames, prefix, mirrors };
  const tables = sync.tables.map((choice) => decide(choice, changed.newFields));
  return later.reduce(takeNew, { ...changed, tables });
}

/** A table that the source got after the sync was made. */
export interface NewTable {
  readonly table: SourceTable;
  /** True when no column of it can be a tracking field. */
  readonly isPlain: boolean;
}

/** Makes up a table. */
export function pickNewTable(random: Random): NewTable {
  const no = random.between(1, 1_000_000);
  const isPlain = random.chance(0.5);
  const names = alike(`Fresh ${no}`, `fresh_${no}`);
  const columns = [
    { name: 'id', names: alike('id', 'id'), type: isPlain ? 'text' : 'integer' },
    { name: 'Some Note', names: alike('Some Note', 'some_note'), type: 'text' },
  ];
  const primaryKey = random.pick([['id'], []]);
  const id = `public.${names.disabled}`;
  const table = { id, schema: 'public', names, columns, randomColumns: [], primaryKey, declaredKey: null };
  return { table, isPlain };
}

/** The sync with a new table of its source, where its rule takes that along. */
export function takeNew(sync: SyncChoice, { table, isPlain }: NewTable): SyncChoice {
  if (sync.tables.some((choice) => choice.table.id === table.id)) return sync;
  if (!admits(sync.newTables, !isPlain)) return sync;
  const choice: TableChoice = {
    table,
    isEnabled: true,
    fields: null,
    leftOut: [],
    undecided: [],
    obfuscated: [],
    userName: null,
    userFieldNames: {},
    filters: [],
    tracking: null,
    cutoff: null,
    isCutoffDisabled: false,
  };
  return { ...sync, tables: [...sync.tables, choice] };
}

/** A test of what such a start would do, or none. */
export function pickTest(random: Random, { resync_mode: _, ...start }: StartChoice): StartChoice | null {
  return random.chance(0.4) ? random.pick([start, {}]) : null;
}

/** Options of one start. @param known how many of the tables the sync knows of: a start cannot name one that it only finds by it */
export function pickStart(random: Random, { tables }: SyncChoice, known: number): StartChoice {
  const enabled = tables.slice(0, known).filter(({ isEnabled }) => isEnabled);
  const schemas = pickSome(random, enabled, random.between(1, enabled.length)).map(({ table }) => table.id);
  const way = random.pick<StartChoice>([
    {},
    {},
    { fetch_mode: 'full' },
    { fetch_mode: 'incremental' },
    { resync_mode: 'refetch' },
    { resync_mode: 'resync' },
    { resync_mode: 'rebuild', fetch_mode: 'full' },
  ]);
  return random.chance(0.3) ? { ...way, schemas } : way;
}
