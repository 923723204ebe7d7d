import { UsageError } from '../usage-error.ts';

/** So many names tell a person what kind of names there are. */
const NAMED = 5;

/**
 * The schemas that a list of patterns names: `orders`, `public.orders`, `public.*`, `*_log`. A pattern without a dot is
 * held against the last part of an id as well. Case does not matter.
 * @param patterns separated by commas; absent = all
 * @throws `UsageError` naming a pattern that fits nothing
 */
export function selectTables(ids: readonly string[], patterns: string | undefined): readonly string[] {
  if (patterns === undefined) return ids;
  const wanted = patterns.split(',').flatMap((pattern) => pattern.trim() || []);
  if (wanted.length === 0) throw new UsageError('--tables names no table: write --tables orders,public.*');
  const found = wanted.map((pattern) => {
    const fitting = ids.filter((id) => fits(id, pattern));
    if (fitting.length === 0)
      throw new UsageError(`--tables: nothing is named ${pattern}; there are ${listSome(ids)}.`);
    return fitting;
  });
  const chosen = new Set(found.flat());
  return ids.filter((id) => chosen.has(id));
}

function fits(id: string, pattern: string): boolean {
  const expression = new RegExp(`^${pattern.split('*').map(toLiteral).join('.*')}$`, 'is');
  const lastPart = id.slice(id.indexOf('.') + 1);
  return expression.test(id) || (!pattern.includes('.') && expression.test(lastPart));
}

function toLiteral(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
}

function listSome(ids: readonly string[]): string {
  if (ids.length === 0) return 'none';
  const rest = ids.length - NAMED;
  return ids.slice(0, NAMED).join(', ') + (rest > 0 ? ` and ${rest} more` : '');
}
