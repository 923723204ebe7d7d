import { z } from 'zod';
import { envelope, eventSchema, oldListEventsQuerySchema } from '../../../contract/index.ts';
import { listEvents } from '../../../operations/index.ts';
import { defineRoute } from '../../route.ts';
import { toEventBody, toEventFilter } from '../../routes/events.ts';
import { until } from '../range.ts';

/** Events before they came in pages. */
export const eventRoutes = [
  defineRoute({
    method: 'GET',
    url: '/api/events',
    versions: until('2024-02-08'),
    operationId: 'events.list',
    summary: 'List what happened in the last 48 hours, newest first',
    query: oldListEventsQuerySchema,
    response: envelope(z.array(eventSchema)),
    handle: async (context, { query }) => {
      const { events } = await listEvents(context, { ...toEventFilter(query), position: null });
      return { data: events.map(toEventBody) };
    },
  }),
];
