/**
 * SQL of a JSON text in which every value that fits `token`, a regular expression, stands as a string. What strings hold stays.
 * The last match is the empty one at the text's end, whose quotes are cut off.
 */
export function quoteTokens(json: string, token: string): string {
  const strings = '"(?:[^"\\\\]|\\\\.)*"';
  const pattern = `'((?:${strings}|[^"])*?)(${token}|$)'`;
  return `left(regexp_replace(${json}, ${pattern}, '\\1"\\2"', 'gs'), -2)`;
}
