import { z } from 'zod';
import { envelope, idSchema } from './common.ts';

/** An organization. What is not set is absent; `client_id` and `client_secret` are never answered. */
const organizationSchema = z
  .object({
    id: idSchema,
    name: z.string(),
    sso_domain: z.string().optional(),
    sso_org_id: z.string().optional(),
    issuer: z.string().optional(),
  })
  .meta({ id: 'Organization' });
export type OrganizationBody = z.infer<typeof organizationSchema>;

const textSchema = z.string().trim().max(1024, 'must have at most 1024 characters').nullish();

/** Body of `POST /api/organizations`, and of its changes. */
export const organizationRequestSchema = z
  .strictObject({
    name: z.string().trim().min(1, 'must not be empty').max(255, 'must have at most 255 characters'),
    sso_domain: textSchema,
    sso_org_id: textSchema,
    issuer: textSchema.describe('Of the OpenID Connect provider.'),
    client_id: textSchema.describe('Never answered.'),
    client_secret: textSchema.describe('Never answered.'),
  })
  .meta({ id: 'OrganizationRequest' });
export type OrganizationRequest = z.output<typeof organizationRequestSchema>;

/** One organization. */
export const organizationEnvelope = envelope(organizationSchema);
/** Every organization within reach. */
export const organizationListEnvelope = envelope(z.array(organizationSchema));
