import { z } from 'zod';
import { envelope, idSchema, queryBooleanSchema } from './common.ts';

/** A user of one organization. `role` is the deprecated word for its roles. */
const userSchema = z
  .object({
    id: idSchema,
    email: z.string(),
    organization_id: idSchema,
    role: z.string(),
    role_ids: z.array(idSchema),
  })
  .meta({ id: 'User' });
export type UserBody = z.infer<typeof userSchema>;

/** A user up to version 2023-04-25. */
const wordUserSchema = userSchema.omit({ role_ids: true }).meta({ id: 'UserWithRole' });

/** As browsers judge it: a host needs no dot, as in the first user's admin@localhost. */
const emailSchema = z.email({ pattern: z.regexes.html5Email }).max(320);
const roleSchema = z.string().optional().describe('Deprecated: admin, member, sync_editor or viewer.');
const roleIdsSchema = z.array(idSchema).optional().describe('Ids of roles; instead of `role`.');

/** Body that invites a user; without a role, `member`. */
export const createUserSchema = z
  .strictObject({ email: emailSchema, role: roleSchema, role_ids: roleIdsSchema })
  .meta({ id: 'CreateUserRequest' });

/** Body that changes the roles of a user of any organization; the address must be the user's. */
export const updateUserSchema = z
  .strictObject({ email: emailSchema, role: roleSchema, role_ids: roleIdsSchema })
  .meta({ id: 'UpdateUserRequest' });

/** The same for a user of the caller's organization. */
export const updateOwnUserSchema = z
  .strictObject({ role: roleSchema, role_ids: roleIdsSchema })
  .meta({ id: 'UpdateOrganizationUserRequest' });

/** The bodies of version 2023-04-25, which has no ids of roles. */
export const wordUserRequestSchema = z
  .strictObject({ email: emailSchema, role: roleSchema })
  .meta({ id: 'UserWithRoleRequest' });

/** Query of `POST …/users/{id}/keys`. */
export const createKeyQuerySchema = z.object({
  force: queryBooleanSchema.optional().describe('Revoke the keys that the user has.'),
});

/** Path parameters of what belongs to one organization. */
export const organizationParamsSchema = z.object({ org_id: idSchema });
/** Path parameters of one user of one organization. */
export const organizationUserParamsSchema = z.object({ org_id: idSchema, id: idSchema });

/** One user. */
export const userEnvelope = envelope(userSchema);
/** Every user of the organization. */
export const userListEnvelope = envelope(z.array(userSchema));
/** One user, up to version 2023-04-25. */
export const wordUserEnvelope = envelope(wordUserSchema);
/** Every user, up to version 2023-04-25. */
export const wordUserListEnvelope = envelope(z.array(wordUserSchema));
/** A new key, in clear: it is answered this once. */
export const keyEnvelope = envelope(z.object({ value: z.string() }).meta({ id: 'CreateAPIKeyResponse' }));
