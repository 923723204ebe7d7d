import { z } from 'zod';

/** Parts of a time, in UTC, as strings (`"0"`, `"monday"`); clients send what they do not use as null. */
export const timePartRequests = {
  minute: z.string().nullish(),
  hour: z.string().nullish(),
  day_of_week: z.string().nullish(),
  day_of_month: z.string().nullish(),
  month: z.string().nullish(),
};

/** The same in an answer: what a schedule does not use is left out. */
export const timePartAnswers = {
  minute: z.string().optional(),
  hour: z.string().optional(),
  day_of_week: z.string().optional(),
  day_of_month: z.string().optional(),
  month: z.string().optional(),
};
