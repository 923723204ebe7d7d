import { z } from 'zod';
import {
  API_VERSIONS,
  type EventBody,
  envelope,
  eventSchema,
  listEventsQuerySchema,
  type oldListEventsQuerySchema,
  pageEnvelope,
} from '../../contract/index.ts';
import { SyncError } from '../../core/index.ts';
import { EVENT_TYPES, type Event, listEvents } from '../../operations/index.ts';
import { fromPageToken, microsecondsSchema, rowIdSchema, toPagination } from '../pagination.ts';
import { defineRoute } from '../route.ts';
import { since } from '../versions/range.ts';

const positionSchema = z.object({ time: microsecondsSchema, id: rowIdSchema });

/** What happened in the last two days. */
export const eventRoutes = [
  defineRoute({
    method: 'GET',
    url: '/api/events',
    versions: since('2025-09-18'),
    operationId: 'events.list',
    summary: 'List what happened in the last 48 hours, newest first',
    query: listEventsQuerySchema,
    response: pageEnvelope(eventSchema),
    handle: async (context, { query }) => {
      const { page_token: token, limit: _, ...filter } = query;
      const list = { list: 'events', filter: JSON.stringify(Object.entries(filter).sort()) };
      const position = fromPageToken(list, token, positionSchema);
      const { events, next } = await listEvents(context, { ...toEventFilter(query), position });
      return { data: events.map(toEventBody), pagination: toPagination(list, next) };
    },
  }),
  defineRoute({
    method: 'GET',
    url: '/api/events_types',
    versions: API_VERSIONS,
    operationId: 'events.getTypes',
    summary: 'List the types that an event can have',
    response: envelope(z.array(z.string())),
    handle: async () => ({ data: [...EVENT_TYPES] }),
  }),
];

/** What a list is asked for, in every version. */
export function toEventFilter(query: z.output<typeof oldListEventsQuerySchema>) {
  return {
    organizationId: query.organization_id ?? null,
    type: readType(query),
    after: query.starting_after === undefined ? null : new Date(query.starting_after),
    before: query.ending_before === undefined ? null : new Date(query.ending_before),
    limit: query.limit ?? null,
  };
}

/** A type that no event has is a slip of the caller's, who would wait for events in vain. */
function readType(query: z.output<typeof oldListEventsQuerySchema>): string | null {
  for (const field of ['type', 'event_type'] as const) {
    const given = query[field];
    if (given === undefined || EVENT_TYPES.some((type) => type === given)) continue;
    const problem = `must be one of ${EVENT_TYPES.join(', ')}`;
    throw new SyncError('REQUEST_MALFORMED', `The query string does not fit: \`${field}\` ${problem}.`, {
      detail: { fields: [{ field, problem }] },
    });
  }
  return query.type ?? query.event_type ?? null;
}

/** An event on the wire. */
export function toEventBody(event: Event): EventBody {
  return {
    id: event.id,
    organization_id: event.organizationId,
    type: event.type,
    created_at: event.createdAt.toISOString(),
    event: { ...event.payload },
  };
}
