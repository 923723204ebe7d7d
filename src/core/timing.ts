/**
 * Where a lane's time goes. `source`: waiting for the source. `codec`: our own hashing, obfuscation and conversion, and
 * waiting for that of other segments in the same thread. `destination`: waiting for the destination to take and commit.
 * `proof`: reading the destination again. `publication`: keys, the swap or merge, and clearing up. `repeated`: attempts
 * that came to nothing. `waiting`: for a place in the process, which others had. `idle`: nothing could be begun before
 * others had ended. `overhead`: our book-keeping.
 */
export const TIME_PARTS = [
  'source',
  'codec',
  'destination',
  'proof',
  'publication',
  'repeated',
  'waiting',
  'idle',
  'overhead',
] as const;

export type TimePart = (typeof TIME_PARTS)[number];

/** Milliseconds by part; a part that is left out took none. */
export type TimeParts = Readonly<Partial<Record<TimePart, number>>>;

/**
 * What an execution's time was spent on for the most part: one of the lanes' parts, `planning`, or `waiting` for a worker
 * and for free lanes. Never `idle`: while one lane has nothing to do, the others' parts say why.
 */
export const BOTTLENECKS = [
  'source',
  'codec',
  'destination',
  'proof',
  'publication',
  'repeated',
  'overhead',
  'planning',
  'waiting',
] as const satisfies readonly (TimePart | 'planning')[];

type Bottleneck = (typeof BOTTLENECKS)[number];

/** Where the time of one execution went, in milliseconds. */
export interface ExecutionTiming {
  /** From the request to the first step, and summed over the lanes from the plan to their first work. */
  readonly waiting: number;
  readonly planning: number;
  /** Lanes that did some work. */
  readonly lanes: number;
  /** Summed over the lanes: with two lanes, two seconds of work a second. */
  readonly parts: TimeParts;
  /** Null when nothing took any time. */
  readonly bottleneck: Bottleneck | null;
}

/** Of an execution's times, that which is the longest. */
export function findBottleneck({
  waiting,
  planning,
  parts: { idle: _, waiting: inLanes = 0, ...parts },
}: Pick<ExecutionTiming, 'waiting' | 'planning' | 'parts'>): Bottleneck | null {
  // The names of the parts are the keys of TimeParts.
  const candidates = Object.entries({ waiting: waiting + inLanes, planning, ...parts }) as [Bottleneck, number][];
  const [longest] = candidates.filter(([, ms]) => ms > 0).sort(([, a], [, b]) => b - a);
  return longest?.[0] ?? null;
}

/** Sums two spans part by part. */
export function addTimes(a: TimeParts, b: TimeParts): TimeParts {
  return Object.fromEntries(
    TIME_PARTS.flatMap((part) => {
      const ms = (a[part] ?? 0) + (b[part] ?? 0);
      return ms === 0 ? [] : [[part, ms] as const];
    }),
  );
}

/** All parts together, in milliseconds. */
export function sumTimes(parts: TimeParts): number {
  return TIME_PARTS.reduce((sum, part) => sum + (parts[part] ?? 0), 0);
}
