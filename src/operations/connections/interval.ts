const UNITS_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };
/** A system must not be asked all the time, whatever somebody typed. */
const SHORTEST_MS = 10_000;

/** Milliseconds of a duration such as `90s` or `1h30m`, at least ten seconds. */
function toIntervalMs(duration: string): number {
  const parts = [...duration.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)];
  const sum = parts.reduce((total, [, amount = '0', unit = 's']) => total + Number(amount) * (UNITS_MS[unit] ?? 0), 0);
  return Math.max(SHORTEST_MS, Math.round(sum));
}

/** When a connection with this interval is looked at next; null = never. */
export function nextCheckAfter(now: Date, interval: string | null): Date | null {
  return interval === null ? null : new Date(now.getTime() + toIntervalMs(interval));
}
