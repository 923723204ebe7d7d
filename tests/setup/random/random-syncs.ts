import fc from 'fast-check';
import type { AutoAddRule, FilterFunction } from '../../../src/core/index.ts';
import type { Random } from '../../torture/random.ts';
import { RANDOM_TYPES } from './random-types.ts';

// Random tables, and random options of syncs over them.

/** A name of the source, and what the rules make of it. Written down by hand from docs/sync-options.md. */
interface OddName {
  readonly disabled: string;
  readonly enabled: string;
  readonly legacy: string;
}

/** A name of which the rules all make the same, but for the literal one. */
export const alike = (disabled: string, enabled: string): OddName => ({ disabled, enabled, legacy: enabled });

const COLUMN_NAMES: readonly OddName[] = [
  alike('LoginID', 'login_id'),
  alike('Login ID', 'login_id'),
  alike('loginid', 'loginid'),
  { disabled: '100percent', enabled: '100_percent', legacy: '100percent' },
  { disabled: 'address2', enabled: 'address_2', legacy: 'address2' },
  alike('custom__c', 'custom_c'),
  alike('Größe', 'größe'),
  alike('日本語', '日本語'),
  alike('a"b', 'a_b'),
  alike("it's", 'it_s'),
  alike('$$$', '_'),
  alike(' x ', '_x_'),
  alike('select', 'select'),
  alike('SELECT', 'select'),
  alike('__millrace_created_at', '_millrace_created_at'),
  alike('L'.repeat(63), 'l'.repeat(63)),
  alike('\\ %s $1', '_s_1'),
];

const TABLE_NAMES: readonly OddName[] = [
  alike('people', 'people'),
  alike('Order Items', 'order_items'),
  alike('order-items', 'order_items'),
  alike('order_items', 'order_items'),
  alike('HTTPLog', 'http_log'),
  alike('Visits', 'visits'),
  { disabled: 'v2', enabled: 'v_2', legacy: 'v2' },
  alike('日本', '日本'),
];

/** One column of a source's table. */
export interface SourceColumn {
  readonly name: string;
  readonly names: OddName;
  readonly type: string;
  /** Where it is a field that the user added: its value in SQL. */
  readonly sql?: string;
}

/** One table of the source. Every one has the columns of `FIXED`, and some of random types. */
export interface SourceTable {
  readonly id: string;
  readonly schema: string;
  readonly names: OddName;
  readonly columns: readonly SourceColumn[];
  readonly randomColumns: readonly (SourceColumn & { readonly values: fc.Arbitrary<string> })[];
  readonly primaryKey: readonly string[];
  /** A key that the user declares; empty = none. */
  readonly declaredKey: readonly string[] | null;
}

/** A filter, and the same in SQL of PostgreSQL. */
export interface ChosenFilter {
  readonly field_id: string;
  readonly function: FilterFunction;
  readonly value?: unknown;
  readonly sql: string;
}

/** What one sync does with one table. */
export interface TableChoice {
  readonly table: SourceTable;
  readonly isEnabled: boolean;
  /** Null = all, but for those that came later and that the sync's rule does not take along. */
  readonly fields: readonly string[] | null;
  readonly leftOut: readonly string[];
  /** Those that came later and that no execution has met yet, so that the sync's rule still decides. */
  readonly undecided: readonly string[];
  readonly obfuscated: readonly string[];
  readonly userName: string | null;
  readonly userFieldNames: Readonly<Record<string, string>>;
  readonly filters: readonly ChosenFilter[];
  readonly tracking: 'changed_at' | 'rev' | null;
  readonly cutoff: string | null;
  readonly isCutoffDisabled: boolean;
}

/** Options of one sync. */
export interface SyncChoice {
  readonly mode: 'replicate' | 'snapshot';
  readonly normalizeNames: 'enabled' | 'disabled' | 'legacy';
  readonly prefix: string;
  readonly mirrors: boolean;
  readonly truncates: boolean;
  readonly hardDeletes: boolean;
  readonly hasTimestamps: boolean;
  readonly cutoff: string | null;
  readonly concurrency: number | null;
  readonly resyncConcurrency: number | null;
  readonly newFields: AutoAddRule;
  readonly newTables: AutoAddRule;
  readonly tables: readonly TableChoice[];
}

const RULES: readonly [AutoAddRule, ...AutoAddRule[]] = ['all', 'onlyIncremental', 'onlyNonIncremental', 'none'];

const FIXED: readonly SourceColumn[] = [
  ['id', 'id', 'integer'],
  ['Code No', 'code_no', 'text'],
  ['n', 'n', 'integer'],
  ['flag', 'flag', 'boolean'],
  ['tags', 'tags', 'text[]'],
  ['changed_at', 'changed_at', 'timestamp with time zone'],
  ['rev', 'rev', 'bigint'],
  ['payload', 'payload', 'jsonb'],
  ['Loud', 'loud', 'text'],
].map(([name = '', normal = '', type = '']) => ({ name, names: alike(name, normal), type }));

/** SQL of the columns that every table has. */
export const FIXED_SQL = `id integer NOT NULL UNIQUE, "Code No" text NOT NULL UNIQUE, n integer, flag boolean, tags text[],
  changed_at timestamptz, rev bigint, payload jsonb, "Loud" text GENERATED ALWAYS AS (upper("Code No")) STORED`;

/** A field that the user adds, inside of `payload`. */
const TOWN: SourceColumn = {
  name: 'town',
  names: alike('Home Town', 'home_town'),
  type: 'text',
  sql: `payload #>> '{a,town}'`,
};

/** How a user adds it over the API. */
export const ADD_TOWN = { field_id: 'town', label: 'Home Town', type: 'string', path: '$.payload.a.town' };

/** Texts that are equal and not the same value, or the other way round: their hashes would not tell. */
const NOT_HASHED = /^(bpchar|character\(|"char"|money|refcursor)/;

/** A part of the values, in an order that the seed decides. */
export function pickSome<T>(random: Random, values: readonly T[], count: number): T[] {
  const rest = [...values];
  return Array.from({ length: Math.min(count, rest.length) }, () =>
    rest.splice(random.between(0, rest.length - 1), 1),
  ).flat();
}

/** `count` tables in two schemas. */
export function pickTables(random: Random, count: number): SourceTable[] {
  return pickSome(random, TABLE_NAMES, count).map((names) => {
    const schema = random.chance(0.3) ? 'Sales Dept' : 'public';
    const picked = pickSome(random, RANDOM_TYPES, random.between(2, 6));
    const columnNames = pickSome(random, COLUMN_NAMES, picked.length);
    const randomColumns = picked.map(({ type, values }, i) => {
      const given = columnNames[i] ?? alike(`c${i}`, `c${i}`);
      return { name: given.disabled, names: given, type, values };
    });
    return {
      id: `${schema}.${names.disabled}`,
      schema,
      names,
      columns: [
        ...FIXED,
        ...randomColumns.map(({ name, names: both, type }) => ({ name, names: both, type })),
        ...(random.chance(0.4) ? [TOWN] : []),
      ],
      randomColumns,
      ...pickKey(random),
    };
  });
}

function pickKey(random: Random): Pick<SourceTable, 'primaryKey' | 'declaredKey'> {
  const primaryKey = random.pick([['id'], ['id'], ['id', 'Code No'], ['Code No'], []]);
  return { primaryKey, declaredKey: random.chance(0.3) ? pickDeclaredKey(random) : null };
}

const UNIQUE_KEYS: readonly (readonly string[])[] = [['id'], ['Code No'], ['Code No', 'id'], ['id', 'Loud']];
const DOUBTFUL_KEYS: readonly (readonly string[])[] = [['n'], ['rev'], ['n', 'flag'], ['id', 'changed_at']];

/** A key that a user may declare. */
export function pickDeclaredKey(random: Random): readonly string[] {
  const [key = []] = pickSome(random, [...UNIQUE_KEYS, ...UNIQUE_KEYS, ...DOUBTFUL_KEYS, []], 1);
  return key;
}

/** True for a key that may not tell records apart, or have no value: such a table is read whole each time. */
export function isDoubtful({ declaredKey }: Pick<SourceTable, 'declaredKey'>): boolean {
  return declaredKey?.some((name) => DOUBTFUL_KEYS.flat().includes(name) && name !== 'id') === true;
}

/** Options of a sync over all the tables. */
export function pickSync(random: Random, tables: readonly SourceTable[]): SyncChoice {
  const always = random.between(0, tables.length - 1);
  const cutoff = random.chance(0.25) ? '2024-01-04T00:00:00Z' : null;
  return {
    mode: random.chance(0.75) ? 'replicate' : 'snapshot',
    normalizeNames: random.pick(['enabled', 'disabled', 'legacy']),
    prefix: random.pick(['', '', 'Raw_', 'é ']),
    mirrors: random.chance(0.3),
    truncates: random.chance(0.3),
    hardDeletes: random.chance(0.3),
    hasTimestamps: random.chance(0.7),
    cutoff,
    concurrency: random.pick([null, 1, 3]),
    resyncConcurrency: random.pick([null, 1, 3]),
    newFields: random.pick(RULES),
    newTables: random.pick(RULES),
    tables: tables.map((table, i) => ({
      ...pickTableChoice(random, table, i),
      isEnabled: i === always || random.chance(0.8),
    })),
  };
}

/** A field to read changes by, or none. */
export function pickTracking(random: Random, table: SourceTable): TableChoice['tracking'] {
  const tracking = random.pick([null, null, 'changed_at', 'rev'] as const);
  return isDoubtful(table) ? null : tracking;
}

function pickTableChoice(random: Random, table: SourceTable, no: number): TableChoice {
  const tracking = pickTracking(random, table);
  const all = table.columns.map(({ name }) => name);
  const fields = random.chance(0.5) ? null : all.filter((name) => name === 'n' || random.chance(0.75));
  const read = fields ?? all;
  const hashable = table.columns.filter(({ name, type }) => read.includes(name) && !NOT_HASHED.test(type));
  const renamed = random.chance(0.4) ? pickSome(random, read, 2) : [];
  return {
    table,
    isEnabled: true,
    fields,
    leftOut: [],
    undecided: [],
    obfuscated: random.chance(0.5) ? pickSome(random, hashable, 2).map(({ name }) => name) : [],
    userName: random.chance(0.25) ? `My "${no}" tåble` : null,
    userFieldNames: Object.fromEntries(renamed.map((name, i) => [name, random.pick([`Chosen ${i}`, `ünï "q" ${i}`])])),
    ...pickRecords(random, tracking),
  };
}

/** Which records of a table a sync takes along. */
export function pickRecords(
  random: Random,
  tracking: TableChoice['tracking'],
): Pick<TableChoice, 'filters' | 'tracking' | 'cutoff' | 'isCutoffDisabled'> {
  return {
    filters: pickSome(random, listFilters(random), random.pick([0, 0, 1, 1, 2])),
    tracking,
    cutoff: tracking === 'changed_at' && random.chance(0.3) ? '2024-01-06T12:00:00Z' : null,
    isCutoffDisabled: random.chance(0.2),
  };
}

function listFilters(random: Random): ChosenFilter[] {
  const n = random.between(-2, 6);
  const piece = random.pick(['a', "'", '%', '\\', '1', 'ü']);
  const quoted = `'${piece.replaceAll("'", "''")}'`;
  const code = '"Code No"';
  return [
    { field_id: 'n', function: 'GreaterThan', value: n, sql: `n > ${n}` },
    { field_id: 'n', function: 'LessThanEqual', value: String(n), sql: `n <= ${n}` },
    { field_id: 'n', function: 'Between', value: [n, n + 3], sql: `n BETWEEN ${n} AND ${n + 3}` },
    { field_id: 'n', function: 'Inequality', value: n, sql: `n <> ${n}` },
    { field_id: 'n', function: 'IsNull', sql: 'n IS NULL' },
    { field_id: 'n', function: 'IsNotNull', sql: 'n IS NOT NULL' },
    { field_id: 'flag', function: 'True', sql: 'flag' },
    { field_id: 'flag', function: 'False', sql: 'NOT flag' },
    { field_id: 'Code No', function: 'StringContains', value: piece, sql: `strpos(${code}, ${quoted}) > 0` },
    { field_id: 'Code No', function: 'StringDoesNotContain', value: piece, sql: `strpos(${code}, ${quoted}) = 0` },
    { field_id: 'Code No', function: 'StringDoesNotEndWith', value: piece, sql: `right(${code}, 1) <> ${quoted}` },
    { field_id: 'Loud', function: 'StringLike', value: '%A%', sql: `strpos("Loud", 'A') > 0` },
    { field_id: 'tags', function: 'ArrayContains', value: piece, sql: `coalesce(${quoted} = ANY(tags), false)` },
    {
      field_id: 'tags',
      function: 'ArrayDoesNotContain',
      value: piece,
      sql: `tags IS NOT NULL AND NOT coalesce(${quoted} = ANY(tags), false)`,
    },
    { field_id: 'changed_at', function: 'OnOrAfter', value: '2024-01-05', sql: `changed_at >= '2024-01-05Z'` },
    {
      field_id: 'changed_at',
      function: 'RelativeOnOrBefore',
      value: '2 days ago',
      sql: `changed_at <= now() - interval '2 days'`,
    },
  ];
}

/** Values of one record: the fixed columns that can be written, then the random ones, as texts. */
export function pickRecord(random: Random, table: SourceTable, id: number): (string | null)[] {
  const draw = (values: fc.Arbitrary<string>) =>
    random.chance(0.15) ? null : (fc.sample(values, { numRuns: 1, seed: random.between(0, 2 ** 31 - 1) })[0] ?? null);
  const piece = () => random.pick(['a', "'", '%', '\\', '1', 'ü', 'Z"', ' ', ',']);
  const list = Array.from({ length: random.between(0, 3) }, () =>
    random.chance(0.2) ? 'NULL' : JSON.stringify(piece()),
  );
  return [
    String(id),
    `${piece()}${id}${piece()}`,
    random.chance(0.2) ? null : String(random.between(-3, 8)),
    random.pick(['true', 'false', null]),
    random.chance(0.2) ? null : `{${list.join(',')}}`,
    random.pick([
      null,
      '[]',
      '{"a": null}',
      '{"a": {"town": null}}',
      JSON.stringify({ a: { town: piece() } }),
      '{"a": {"town": 1.50}}',
    ]),
    ...table.randomColumns.map(({ values }) => draw(values)),
  ];
}

/** Takes a field in or out, or begins or ends to obfuscate one; never what the sync needs for its key. */
export function pickFields(random: Random, choice: TableChoice): TableChoice {
  const all = choice.table.randomColumns.map(({ name }) => name);
  const fields = choice.fields ?? choice.table.columns.map(({ name }) => name);
  const [name] = pickSome(random, all, 1);
  if (name === undefined) return choice;
  const type = choice.table.columns.find((column) => column.name === name)?.type ?? '';
  const hides = random.chance(0.3);
  if (!fields.includes(name)) return { ...choice, fields: [...fields, name] };
  if (choice.obfuscated.includes(name) || (hides && !NOT_HASHED.test(type))) {
    const others = choice.obfuscated.filter((other) => other !== name);
    return { ...choice, obfuscated: choice.obfuscated.includes(name) ? others : [...others, name] };
  }
  const { [name]: _, ...userFieldNames } = choice.userFieldNames;
  return { ...choice, fields: fields.filter((other) => other !== name), userFieldNames };
}

/** True when the sync names the table's fields one by one. */
export function isListed({ fields, obfuscated, userFieldNames }: TableChoice): boolean {
  return fields !== null || obfuscated.length > 0 || Object.keys(userFieldNames).length > 0;
}

/** True when the values of the field arrive. */
export function isRead({ fields, leftOut }: TableChoice, name: string): boolean {
  return (fields === null || fields.includes(name)) && !leftOut.includes(name);
}
