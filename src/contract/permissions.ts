import { z } from 'zod';
import { envelope, idSchema } from './common.ts';

const nameSchema = z.string().trim().min(1, 'must not be empty').max(255, 'must have at most 255 characters');
const organizationIdSchema = idSchema.nullish().describe("The caller's own organization; anything else is refused.");

/** A label that users carry. */
const roleSchema = z
  .object({
    id: idSchema,
    name: z.string(),
    organization_id: idSchema,
    system: z.boolean().describe('Built in: cannot be changed or deleted.'),
  })
  .meta({ id: 'RoleResponse' });
export type RoleBody = z.infer<typeof roleSchema>;

/** Body of `POST /api/permissions/roles`, and of its changes. */
export const roleRequestSchema = z
  .strictObject({ name: nameSchema, organization_id: organizationIdSchema })
  .meta({ id: 'RoleRequest' });
export type RoleRequest = z.output<typeof roleRequestSchema>;

/** Which roles may do one thing. */
const policyActionSchema = z.object({ action: z.string(), role_ids: z.array(idSchema) }).meta({ id: 'PolicyAction' });

/** What the holders of some roles may do with the objects on which the policy hangs. */
const policySchema = z
  .object({
    id: idSchema,
    name: z.string(),
    organization_id: idSchema,
    system: z.boolean().describe('Built in: hangs on all objects of a kind; may be changed and not deleted.'),
    policy_actions: z.array(policyActionSchema),
  })
  .meta({ id: 'PolicyResponse' });
export type PolicyBody = z.infer<typeof policySchema>;

/** Body of `POST /api/permissions/policies`, and of its changes. */
export const policyRequestSchema = z
  .strictObject({
    name: nameSchema,
    organization_id: organizationIdSchema,
    policy_actions: z
      .array(z.strictObject({ action: z.string(), role_ids: z.array(idSchema).nullable() }))
      .max(100)
      .nullable(),
  })
  .meta({ id: 'PolicyRequest' });
export type PolicyRequest = z.output<typeof policyRequestSchema>;

/** One role. */
export const roleEnvelope = envelope(roleSchema);
/** Every role. */
export const roleListEnvelope = envelope(z.array(roleSchema));
/** One policy. */
export const policyEnvelope = envelope(policySchema);
/** Every policy. */
export const policyListEnvelope = envelope(z.array(policySchema));
