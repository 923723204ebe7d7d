/** The parts of a time that a schedule may name, from the smallest to the largest. */
export const TIME_PARTS = ['minute', 'hour', 'dayOfMonth', 'month', 'dayOfWeek'] as const;
export type TimePart = (typeof TIME_PARTS)[number];

const DAYS = ['sunday', 'monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday'];
const MONTHS = [
  'january',
  'february',
  'march',
  'april',
  'may',
  'june',
  'july',
  'august',
  'september',
  'october',
  'november',
  'december',
];

/** Allowed numbers, and words in the order of their numbers from `from` on; three letters are enough. */
export const PART_RANGES: Readonly<
  Record<TimePart, { readonly from: number; readonly to: number; readonly words: readonly string[] }>
> = {
  minute: { from: 0, to: 59, words: [] },
  hour: { from: 0, to: 23, words: [] },
  dayOfWeek: { from: 0, to: 7, words: DAYS },
  dayOfMonth: { from: 1, to: 31, words: [] },
  month: { from: 1, to: 12, words: MONTHS },
};

/** One value such as `5` or `monday`; null when it is none. Sunday is 0 and 7. */
export function parseValue(text: string, part: TimePart): number | null {
  const { from, to, words } = PART_RANGES[part];
  const word = text.trim().toLowerCase();
  const index = words.findIndex((full) => full === word || full.slice(0, 3) === word);
  if (index >= 0) return index + from;
  if (!/^\d{1,2}$/.test(word)) return null;
  const number = Number(word);
  return number >= from && number <= to ? number : null;
}

/**
 * A list of cron items, each `*`, `7`, `mon`, `1-5`, or one of these with a step as in `10-50/10`; `5/10` begins at 5
 * and goes to the end of the range.
 * @returns `*` for the plain star, else the values in order, Sunday as 0; null when the text is no such list
 */
export function parsePattern(text: string, part: TimePart): '*' | readonly number[] | null {
  if (text.trim() === '*') return '*';
  const values = new Set<number>();
  for (const item of text.split(',')) {
    const expanded = expandItem(item, part);
    if (expanded === null) return null;
    for (const value of expanded) values.add(part === 'dayOfWeek' && value === 7 ? 0 : value);
  }
  return [...values].sort((one, other) => one - other);
}

function expandItem(item: string, part: TimePart): readonly number[] | null {
  const [range = '', step, ...more] = item.split('/');
  if (more.length > 0 || (step !== undefined && !/^[1-9]\d?$/.test(step))) return null;
  const bounds = range.trim() === '*' ? allOf(part) : parseRange(range, part, step !== undefined);
  if (bounds === null) return null;
  const values: number[] = [];
  for (let value = bounds.first; value <= bounds.last; value += Number(step ?? 1)) values.push(value);
  return values;
}

function parseRange(
  range: string,
  part: TimePart,
  hasStep: boolean,
): { readonly first: number; readonly last: number } | null {
  const [firstText = '', lastText, ...more] = range.split('-');
  const first = parseValue(firstText, part);
  if (first === null || more.length > 0) return null;
  if (lastText === undefined) return { first, last: hasStep ? allOf(part).last : first };
  const last = parseValue(lastText, part);
  return last === null || first > last ? null : { first, last };
}

/** The second Sunday, 7, is only another word for the first. */
function allOf(part: TimePart): { readonly first: number; readonly last: number } {
  const { from, to } = PART_RANGES[part];
  return { first: from, last: part === 'dayOfWeek' ? 6 : to };
}
