import { z } from 'zod';
import { API_VERSIONS, auditEntrySchema, listAuditQuerySchema, pageEnvelope } from '../../contract/index.ts';
import { listAudit } from '../../operations/index.ts';
import { fromPageToken, toPagination } from '../pagination.ts';
import { defineRoute } from '../route.ts';
import { toAuditBody } from '../views/audit.ts';

const positionSchema = z.object({ id: z.string().regex(/^\d{1,18}$/) });

/** Who changed what; the same in every version. */
export const auditRoutes = [
  defineRoute({
    method: 'GET',
    url: '/api/x/audit',
    versions: API_VERSIONS,
    operationId: 'x.audit.list',
    summary: 'List the changes of the organization, newest first',
    query: listAuditQuerySchema,
    response: pageEnvelope(auditEntrySchema),
    handle: async (context, { query }) => {
      const { page_token: token, limit, ...filter } = query;
      const list = { list: 'audit', filter: JSON.stringify(Object.entries(filter).sort()) };
      const { entries, next } = await listAudit(context, {
        objectType: filter.object_type ?? null,
        objectId: filter.object_id ?? null,
        actorId: filter.actor_id ?? null,
        after: filter.starting_after === undefined ? null : new Date(filter.starting_after),
        before: filter.ending_before === undefined ? null : new Date(filter.ending_before),
        position: fromPageToken(list, token, positionSchema)?.id ?? null,
        limit: limit ?? null,
      });
      return { data: entries.map(toAuditBody), pagination: toPagination(list, next === null ? null : { id: next }) };
    },
  }),
];
