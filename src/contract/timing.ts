import { z } from 'zod';
import { BOTTLENECKS, TIME_PARTS } from '../core/index.ts';
import { idSchema } from './common.ts';

/** Seconds of lanes by what they were spent on; with two lanes, two seconds a second. */
const timePartsSchema = z.record(z.enum(TIME_PARTS), z.number());

/**
 * Where the time of an execution went. `waiting`: for a worker, and for lanes between the plan and their first work.
 * `bottleneck`: what most of the time was spent on; null before anything was.
 */
export const timingSchema = z.object({
  execution_id: idSchema,
  bottleneck: z.enum(BOTTLENECKS).nullable(),
  waiting_seconds: z.number(),
  planning_seconds: z.number(),
  lanes: z.int(),
  lane_seconds: z.number(),
  parts: timePartsSchema,
  /** Only as long as the steps of the execution are kept. */
  schemas: z.array(z.object({ schema: z.string(), lane_seconds: z.number(), parts: timePartsSchema })),
});
export type TimingBody = z.infer<typeof timingSchema>;
