import { describe, expect, it } from 'vitest';
import type { TimingBody } from '../contract/index.ts';
import { timingLines } from './timing.ts';

const NOTHING = {
  source: 0,
  codec: 0,
  destination: 0,
  proof: 0,
  publication: 0,
  repeated: 0,
  waiting: 0,
  idle: 0,
  overhead: 0,
};

function toBody(parts: Partial<TimingBody['parts']>, given: Partial<TimingBody> = {}): TimingBody {
  const lane_seconds = Object.values(parts).reduce((sum, seconds) => sum + seconds, 0);
  return {
    execution_id: '6dd0e8ae-3c6f-4b0a-9d5c-0f4d6a1f2b11',
    bottleneck: null,
    waiting_seconds: 0,
    planning_seconds: 0,
    lanes: 1,
    lane_seconds,
    parts: { ...NOTHING, ...parts },
    schemas: [],
    ...given,
  };
}

describe('timingLines', () => {
  it('names the largest shares first and leaves out what is next to nothing', () => {
    const body = toBody({ source: 6, codec: 2.5, overhead: 0.01 }, { planning_seconds: 1.49, lanes: 2 });
    expect(timingLines(body)).toEqual([
      'Time: 60 % waiting for the source, 25 % hashing and converting, 15 % planning (2 lanes, 10 s in all)',
    ]);
  });

  it('takes all waiting together', () => {
    expect(timingLines(toBody({ waiting: 1 }, { waiting_seconds: 2, planning_seconds: 1 }))).toEqual([
      'Time: 75 % waiting for a worker or a lane, 25 % planning (1 lane, 4.0 s in all)',
    ]);
  });

  it('says nothing of an execution that took no time', () => {
    expect(timingLines(toBody({}))).toEqual([]);
  });
});
