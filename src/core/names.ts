/**
 * How names of the source become names in the destination.
 * `enabled`: the rules of `normalizeName`. `disabled`: literally. `legacy`: kept for syncs that come from elsewhere.
 */
export const NAME_RULES = ['enabled', 'disabled', 'legacy'] as const;
export type NameRule = (typeof NAME_RULES)[number];

export interface NamedThing {
  /** A schema or field id; unique among the things named together. */
  readonly id: string;
  /** The source's own name. */
  readonly name: string;
}

export interface NamingOptions {
  readonly rule: NameRule;
  /** Longest name that the destination holds, in UTF-8 bytes; null = no limit. */
  readonly maxBytes: number | null;
  /** True when the destination tells `Id` and `id` apart. */
  readonly distinguishesCase: boolean;
  /** Names that are in use already, such as the columns that Millrace adds. */
  readonly reserved?: readonly string[];
}

/** A cut name ends in `_` and ten decimal digits: digits alone stay as they are when the name is normalised again. */
const SUFFIX_BYTES = 11;

/**
 * Output names by id, for tables or for the fields of one table. The order of `things` decides who keeps the plain
 * name on a clash, so pass it in a lasting order: the source's own for fields (unselected ones included, then a
 * changed selection renames nothing), by id for tables.
 */
export function assignOutputNames(things: readonly NamedThing[], options: NamingOptions): ReadonlyMap<string, string> {
  const taken = new Set((options.reserved ?? []).map((name) => nameKey(name, options.distinguishesCase)));
  const names = new Map<string, string>();
  for (const thing of things) {
    const base = options.rule === 'enabled' ? normalizeName(thing.name) : thing.name;
    const name = firstFreeName(base, taken, options);
    taken.add(nameKey(name, options.distinguishesCase));
    names.set(thing.id, name);
  }
  return names;
}

/**
 * Output table names by schema id, for the enabled schemas of one sync: a database's `schema.table` gives `table`,
 * also where a part is quoted as in SQL. The order of `schemaIds` does not matter.
 */
export function assignTableNames(schemaIds: readonly string[], options: NamingOptions): ReadonlyMap<string, string> {
  // Compared by code units: a collation would name tables differently on another machine.
  const sorted = [...schemaIds].sort((one, other) => (one < other ? -1 : 1));
  return assignOutputNames(
    sorted.map((id) => ({ id, name: toTableName(id) })),
    options,
  );
}

function toTableName(schemaId: string): string {
  const [, quoted, plain] = /^(?:"(?:[^"]|"")+"|[^."]+)\.(?:"((?:[^"]|"")+)"|(.+))$/s.exec(schemaId) ?? [];
  return quoted?.replaceAll('""', '"') ?? plain ?? schemaId;
}

/** Two output names with one key are one object in the destination. */
export function nameKey(name: string, distinguishesCase: boolean): string {
  return distinguishesCase ? name : name.toLowerCase();
}

/**
 * Lower case; letters (of any script), digits and underscores only; one underscore between words, between letters and
 * digits, and for any run of other characters. Normalising twice changes nothing.
 */
export function normalizeName(name: string): string {
  const words = name
    .normalize('NFKC')
    // `loginID` and `LoginID` break before the capital, `HTTPServer` before the last capital of a run.
    .replace(/(\p{Ll})(?=[\p{Lu}\p{Lt}])/gu, '$1_')
    .replace(/([\p{Lu}\p{Lt}])(?=[\p{Lu}\p{Lt}]\p{Ll})/gu, '$1_')
    .replace(/([\p{L}\p{M}])(?=\p{N})/gu, '$1_')
    .replace(/(\p{N})(?=\p{L})/gu, '$1_');
  const plain = words
    .toLowerCase()
    .normalize('NFKC')
    .replace(/[^\p{L}\p{M}\p{N}]+/gu, '_');
  return plain === '' ? '_' : plain;
}

function firstFreeName(base: string, taken: ReadonlySet<string>, options: NamingOptions): string {
  for (let underscores = 0; ; underscores += 1) {
    const name = fitName(base + '_'.repeat(underscores), options.maxBytes);
    if (!taken.has(nameKey(name, options.distinguishesCase))) return name;
  }
}

/** A name over the limit keeps its beginning and gets a hash of the whole, so equal beginnings stay apart. */
function fitName(name: string, maxBytes: number | null): string {
  if (maxBytes === null || byteLength(name) <= maxBytes) return name;
  let kept = '';
  let bytes = 0;
  for (const character of name) {
    bytes += byteLength(character);
    if (bytes > maxBytes - SUFFIX_BYTES) break;
    kept += character;
  }
  return `${kept.replace(/_+$/, '')}_${hashText(name)
    .toString()
    .padStart(SUFFIX_BYTES - 1, '0')}`;
}

function byteLength(text: string): number {
  return new TextEncoder().encode(text).length;
}

/** FNV-1a, 32 bits, over UTF-8: the same on every machine and in every release. */
function hashText(text: string): number {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return hash;
}
