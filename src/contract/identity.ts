import { z } from 'zod';
import { idSchema } from './common.ts';

/** `GET /api/me`. `id` and `email` are absent for callers that are not users, the organization for a deployment key where there are several; `role` is the deprecated name of a user's role. */
export const identitySchema = z
  .object({
    id: idSchema.optional(),
    email: z.string().optional(),
    role: z.string().optional(),
    is_user: z.boolean(),
    is_organization: z.boolean(),
    is_partner: z.boolean(),
    is_system: z.boolean(),
    organization_id: idSchema.optional(),
    organization_name: z.string().optional(),
  })
  .meta({ id: 'GetIdentityResponseSchema' });
