import { quoteText } from '../sql/index.ts';

export { quoteName, quoteTable, quoteText } from '../sql/index.ts';

/** A path that `read_csv` must not take for a pattern, as a literal. */
export function quotePath(path: string): string {
  return quoteText(path.replace(/[[\]*?]/g, '[$&]'));
}
