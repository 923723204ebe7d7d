import { z } from 'zod';

/** Who is told by e-mail of executions that fail. Not enveloped. */
export const errorSubscribersSchema = z
  .object({ emails: z.array(z.string()) })
  .meta({ id: 'GlobalErrorSubscribersResponse' });

/** The whole list; null or absent = nobody. */
export const errorSubscribersRequestSchema = z
  .strictObject({ emails: z.array(z.email('must be an e-mail address').max(254)).nullish() })
  .meta({ id: 'GlobalErrorSubscribersRequest' });
