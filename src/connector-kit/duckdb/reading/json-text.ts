import { randomBytes } from 'node:crypto';
import { quoteText } from '../sql.ts';

/** A string in JSON, as a regular expression. What a pattern has it skip cannot be taken for something else. */
const STRING = '"(?:[^"\\\\]|\\\\.)*"';
/**
 * DuckDB holds every number with a fraction as a 64-bit float, but keeps a string; so such numbers are wrapped in one of these.
 * The key is another one in each thread: whoever writes the data cannot know it.
 */
const WRAPPED = [`{"~${randomBytes(12).toString('hex')}~":"`, '"}'] as const;

/**
 * SQL of a JSON text in which every value that fits `token`, a regular expression, stands as a string. What strings hold stays.
 * The last match is the empty one at the text's end, whose quotes are cut off.
 */
export function quoteTokens(json: string, token: string): string {
  return `left(regexp_replace(${json}, '((?:${STRING}|[^"])*?)(${token}|$)', '\\1"\\2"', 'gs'), -2)`;
}

/**
 * SQL of the value at a path of keys, or digits of a list's position, in a JSON text: a string's own text, of other values their JSON with
 * every digit as it is written; NULL where there is none, or JSON's null.
 */
export function textAt(json: string, path: readonly string[]): string {
  return valueAt(json, path, (from, pointer) => `json_extract_string(${from}, ${pointer})`);
}

/** The same as JSON text, strings included. */
export function jsonAt(json: string, path: readonly string[]): string {
  return `nullif(${valueAt(json, path, (from, pointer) => `json_extract(${from}, ${pointer})::VARCHAR`)}, 'null')`;
}

function valueAt(json: string, path: readonly string[], extract: (from: string, pointer: string) => string): string {
  const pointer = quoteText(path.map((part) => `/${part.replaceAll('~', '~0').replaceAll('/', '~1')}`).join(''));
  const short = extract(json, pointer);
  // Only a number, alone or in a list or an object, is printed anew, and only one with a fraction differently.
  const mayDiffer = `regexp_matches(${short}, '[0-9][.eE]') AND json_type(${json}, ${pointer}) IN ('DOUBLE', 'ARRAY', 'OBJECT')`;
  return `CASE WHEN ${mayDiffer} THEN ${unwrapNumbers(extract(wrapNumbers(json), pointer))} ELSE ${short} END`;
}

/** Behind each string the pattern leaves an empty wrap. */
function wrapNumbers(json: string): string {
  const [open, close] = WRAPPED;
  const wrapped = `regexp_replace(${json}, '(${STRING})|(-?[0-9][0-9.eE+-]*)', '\\1${open}\\2${close}', 'gs')`;
  return `replace(${wrapped}, '${open}${close}', '')`;
}

function unwrapNumbers(json: string): string {
  const [open, close] = WRAPPED;
  return `regexp_replace(${json}, '\\${open}([^"]*)${close}', '\\1', 'g')`;
}
