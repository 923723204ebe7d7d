import { z } from 'zod';
import { envelope, idSchema } from './common.ts';

/** Body of the request that shares a connection. */
export const shareConnectionSchema = z
  .strictObject({
    child_organization_id: idSchema.describe('The organization that may use the connection.'),
    name: z.string().trim().min(1).max(255).optional().describe('Its name there; its own name when left out.'),
  })
  .meta({ id: 'CreateSharedConnectionRequest' });

/** The connection that was made in the other organization. */
export const sharedConnectionEnvelope = envelope(z.object({ id: idSchema }));

/** Path of a connection within an organization. */
export const organizationConnectionParamsSchema = z.object({ org_id: idSchema, connection_id: idSchema });

/** Path parameters up to version 2024-02-08. */
export const parentConnectionParamsSchema = z.object({ parent_connection_id: idSchema });
