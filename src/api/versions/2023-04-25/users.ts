import { wordUserEnvelope, wordUserListEnvelope, wordUserRequestSchema } from '../../../contract/index.ts';
import { createPartnerUserRoutes } from '../../routes/users.ts';
import { toWordUserBody } from '../../views/organizations.ts';
import { until } from '../range.ts';

/** Users had one role, by a word. */
export const userRoutes = createPartnerUserRoutes({
  versions: until('2023-04-25'),
  toBody: toWordUserBody,
  one: wordUserEnvelope,
  all: wordUserListEnvelope,
  createSchema: wordUserRequestSchema,
  update: {
    method: 'PATCH',
    summary: 'Change the role of a user of an organization',
    body: wordUserRequestSchema,
  },
});
