import { UsageError } from './usage-error.ts';

/** A number as it was typed; which numbers make sense the server says. @throws `UsageError` for anything else */
export function readPercent(option: string, text: string): number {
  const percent = text.trim() === '' ? Number.NaN : Number(text);
  if (Number.isFinite(percent)) return percent;
  throw new UsageError(`${option} takes a number of percent, such as 80, and not "${text}".`);
}
