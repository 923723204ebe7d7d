import { z } from 'zod';
import { envelope, idSchema } from './common.ts';

/** Body of `POST /api/connections/connect/`. */
export const connectRequestSchema = z
  .strictObject({
    name: z.string().min(1),
    redirect_url: z.string().min(1),
    type: z.string().optional(),
    whitelist: z.array(z.string()).nullish(),
    connection: idSchema.optional(),
    dark: z.boolean().optional(),
    organization_id: idSchema.nullish(),
  })
  .meta({ id: 'ConnectCardRequest' });

/** The same up to version 2023-04-25, without a theme. */
export const olderConnectRequestSchema = connectRequestSchema.omit({ dark: true }).meta({ id: 'V3ConnectCardRequest' });

/** Where to send the browser; the token is good once. */
export const connectEnvelope = envelope(z.object({ redirect_url: z.string(), token: z.string() }));
