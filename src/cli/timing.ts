import type { TimingBody } from '../contract/index.ts';
import { formatDuration } from './format.ts';

/** Below this share of the whole nobody could gain anything. */
const LEAST_SHARE = 0.01;

/** How people call what time was spent on. */
const WORDS: Readonly<Record<NonNullable<TimingBody['bottleneck']> | keyof TimingBody['parts'], string>> = {
  source: 'waiting for the source',
  codec: 'hashing and converting',
  destination: 'waiting for the destination',
  proof: 'proof',
  publication: 'publication',
  repeated: 'attempts that came to nothing',
  idle: 'lanes without work',
  overhead: 'book-keeping',
  planning: 'planning',
  waiting: 'waiting for a worker or a lane',
};

/** `Time: 61 % waiting for the source, 22 % hashing and converting, … (2 lanes, 14 s)`; none when nothing took any. */
export function timingLines(timing: TimingBody): string[] {
  const { parts, waiting_seconds: waiting, planning_seconds: planning, lane_seconds: lane, lanes } = timing;
  const whole = waiting + planning + lane;
  if (whole <= 0) return [];
  // The names of the parts are the keys of the body.
  const all = Object.entries({ planning, ...parts, waiting: waiting + parts.waiting }) as [
    keyof typeof WORDS,
    number,
  ][];
  const shown = all
    .filter(([, seconds]) => seconds / whole >= LEAST_SHARE)
    .sort(([, a], [, b]) => b - a)
    .map(([part, seconds]) => `${Math.round((100 * seconds) / whole)} % ${WORDS[part]}`);
  return [`Time: ${shown.join(', ')} (${lanes} ${lanes === 1 ? 'lane' : 'lanes'}, ${formatDuration(whole)} in all)`];
}
