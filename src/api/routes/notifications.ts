import { errorSubscribersRequestSchema, errorSubscribersSchema } from '../../contract/index.ts';
import { getErrorSubscribers, setErrorSubscribers } from '../../operations/index.ts';
import { defineRoute } from '../route.ts';
import { since } from '../versions/range.ts';

const VERSIONS = since('2024-02-08');

/** Who is told by e-mail. Neither answer has an envelope. */
export const notificationRoutes = [
  defineRoute({
    method: 'GET',
    url: '/api/notifications/global-error-subscribers',
    versions: VERSIONS,
    operationId: 'notifications.getGlobalErrorSubscribers',
    summary: 'List who is told of failed executions',
    response: errorSubscribersSchema,
    handle: async (context) => ({ emails: [...(await getErrorSubscribers(context))] }),
  }),
  defineRoute({
    method: 'PUT',
    url: '/api/notifications/global-error-subscribers',
    versions: VERSIONS,
    operationId: 'notifications.setGlobalErrorSubscribers',
    summary: 'Replace who is told of failed executions',
    body: errorSubscribersRequestSchema,
    response: errorSubscribersSchema,
    handle: async (context, { body }) => ({ emails: [...(await setErrorSubscribers(context, body.emails ?? []))] }),
  }),
];
