/** One thing that was looked at. */
export interface Finding {
  /** What was looked at, in a word or two. */
  readonly check: string;
  /** `wrong` = something does not work or will not; `notice` = somebody should look when there is time. */
  readonly level: 'ok' | 'notice' | 'wrong';
  readonly message: string;
  /** What to do; null where there is nothing. */
  readonly advice: string | null;
}

export function ok(check: string, message: string): Finding {
  return { check, level: 'ok', message, advice: null };
}

export function notice(check: string, message: string, advice: string): Finding {
  return { check, level: 'notice', message, advice };
}

export function wrong(check: string, message: string, advice: string | null): Finding {
  return { check, level: 'wrong', message, advice };
}

/** For people: `3 h`, `5 min`, `12 s`. */
export function duration(seconds: number): string {
  if (seconds >= 86_400) return `${Math.floor(seconds / 86_400)} d`;
  if (seconds >= 3_600) return `${Math.floor(seconds / 3_600)} h`;
  return seconds >= 60 ? `${Math.floor(seconds / 60)} min` : `${Math.floor(seconds)} s`;
}
