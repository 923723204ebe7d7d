import { z } from 'zod';
import { timePartAnswers, timePartRequests } from '../../../contract/index.ts';
import { SCHEDULE_FREQUENCIES, SELECTIVE_MODES } from '../../../core/index.ts';

const frequencySchema = z.enum(SCHEDULE_FREQUENCIES);
const itemSchema = z.enum(SELECTIVE_MODES);

const itemRequestSchema = z.strictObject({
  item: itemSchema,
  schedule: z.strictObject({ frequency: frequencySchema, ...timePartRequests }),
});

/** A sync's one schedule: by itself, or with frequency `multi` several at once, each for all fields or for some. */
export const scheduleRequestSchema = z
  .strictObject({
    frequency: frequencySchema,
    ...timePartRequests,
    multi: z
      .strictObject({
        type: z.string().nullish().describe('Taken, and without effect.'),
        schedules: z.array(itemRequestSchema).min(1, 'must name at least one schedule'),
      })
      .nullish(),
  })
  .superRefine(({ frequency, multi, ...parts }, context) => {
    const [part] = Object.entries(parts).find(([, text]) => text != null) ?? [];
    if (frequency === 'multi' && part !== undefined)
      context.addIssue({ code: 'custom', path: [part], message: 'belongs to one of the schedules of `multi`' });
    if (frequency === 'multi' && multi == null)
      context.addIssue({ code: 'custom', path: ['multi'], message: 'is required where the frequency is multi' });
    if (frequency !== 'multi' && multi != null)
      context.addIssue({ code: 'custom', path: ['multi'], message: 'goes with the frequency multi only' });
  });
export type ScheduleRequest = z.output<typeof scheduleRequestSchema>;

/** The same in an answer. */
export const scheduleSchema = z.object({
  frequency: frequencySchema,
  ...timePartAnswers,
  multi: z
    .object({
      schedules: z.array(
        z.object({ item: itemSchema, schedule: z.object({ frequency: frequencySchema, ...timePartAnswers }) }),
      ),
    })
    .optional(),
});
export type ScheduleBody = z.output<typeof scheduleSchema>;
