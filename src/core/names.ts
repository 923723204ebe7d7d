/**
 * How names of the source become names in the destination.
 * `enabled`: the rules of `normalizeName`. `disabled`: literally. `legacy`: as `enabled`, but letters and digits stay
 * together (`address2`), as older releases of such products had it.
 */
export const NAME_RULES = ['enabled', 'disabled', 'legacy'] as const;
export type NameRule = (typeof NAME_RULES)[number];

export interface NamedThing {
  /** A schema or field id; unique among the things named together. */
  readonly id: string;
  /** The source's own name. */
  readonly name: string;
  /** A name that the user chose: taken literally, before any other. Null or absent = by the rule. */
  readonly userName?: string | null;
  /** The name that it has in the destination: kept as long as the rule could give it. Null or absent = it has none yet. */
  readonly lastName?: string | null;
}

export interface NamingOptions {
  readonly rule: NameRule;
  /** Longest name that the destination holds, in UTF-8 bytes; null = no limit. */
  readonly maxBytes: number | null;
  /** True when the destination tells `Id` and `id` apart. */
  readonly distinguishesCase: boolean;
  /** Names that are in use already, such as the columns that Millrace adds. */
  readonly reserved?: readonly string[];
  /** Put before every name that comes from the rule, literally. */
  readonly prefix?: string;
}

/** A cut name ends in `_` and ten decimal digits: digits alone stay as they are when the name is normalised again. */
const SUFFIX_BYTES = 11;

/**
 * Output names by id, for tables or for the fields of one table. Names that users chose come first, then those that are in
 * the destination already. Of the others the order of `things` decides who gets the plain name on a clash, so pass it in a
 * lasting order: the source's own for fields (unselected ones included, then a changed selection renames nothing).
 */
export function assignOutputNames(things: readonly NamedThing[], options: NamingOptions): ReadonlyMap<string, string> {
  const taken = new Set((options.reserved ?? []).map((name) => nameKey(name, options.distinguishesCase)));
  const names = new Map<string, string>();
  const take = (id: string, name: string): void => {
    taken.add(nameKey(name, options.distinguishesCase));
    names.set(id, name);
  };
  const baseOf = (name: string): string => (options.prefix ?? '') + applyRule(name, options.rule);
  for (const { id, userName } of things) if (userName) take(id, firstFreeName(userName, taken, options));
  for (const { id, name, lastName } of things) {
    if (names.has(id) || !lastName || taken.has(nameKey(lastName, options.distinguishesCase))) continue;
    if (couldBe(lastName, baseOf(name), options.maxBytes)) take(id, lastName);
  }
  for (const { id, name } of things) if (!names.has(id)) take(id, firstFreeName(baseOf(name), taken, options));
  return names;
}

/** Whether the rule gives that name when others are in the way: a name by another rule or prefix is no longer kept. */
function couldBe(name: string, base: string, maxBytes: number | null): boolean {
  for (let underscores = 0; underscores <= name.length; underscores += 1)
    if (fitName(base + '_'.repeat(underscores), maxBytes) === name) return true;
  return false;
}

function applyRule(name: string, rule: NameRule): string {
  return rule === 'disabled' ? name : normalizeName(name, rule);
}

/** Why a name that a user chose cannot be one, for people; null when it can. Clashes are another matter. */
export function findNameFault(name: string, options: Pick<NamingOptions, 'maxBytes' | 'reserved'>): string | null {
  if (name.trim() === '') return 'must not be empty';
  // No system takes the zero character in a name; the other control characters are mistakes of copying.
  if (/\p{Cc}/u.test(name)) return 'must not hold control characters';
  if (options.maxBytes !== null && byteLength(name) > options.maxBytes)
    return `must have at most ${options.maxBytes} bytes in this destination`;
  if (options.reserved?.some((reserved) => nameKey(reserved, false) === nameKey(name, false)) === true)
    return `"${name}" is a column that Millrace adds; choose another name`;
  return null;
}

/** Two output names with one key are one object in the destination. */
export function nameKey(name: string, distinguishesCase: boolean): string {
  return distinguishesCase ? name : name.toLowerCase();
}

/**
 * Lower case; letters (of any script), digits and underscores only; one underscore between words, between letters and
 * digits (not by the `legacy` rule), and for any run of other characters. Normalising twice changes nothing.
 */
export function normalizeName(name: string, rule: Exclude<NameRule, 'disabled'> = 'enabled'): string {
  const words = name
    .normalize('NFKC')
    // `loginID` and `LoginID` break before the capital, `HTTPServer` before the last capital of a run.
    .replace(/(\p{Ll})(?=[\p{Lu}\p{Lt}])/gu, '$1_')
    .replace(/([\p{Lu}\p{Lt}])(?=[\p{Lu}\p{Lt}]\p{Ll})/gu, '$1_');
  const split =
    rule === 'legacy' ? words : words.replace(/([\p{L}\p{M}])(?=\p{N})/gu, '$1_').replace(/(\p{N})(?=\p{L})/gu, '$1_');
  const plain = split
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

/** The name itself, or within the limit: a name over it keeps its beginning and gets a hash of the whole, so equal beginnings stay apart. */
export function fitName(name: string, maxBytes: number | null): string {
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
