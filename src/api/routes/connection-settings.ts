import {
  API_VERSIONS,
  connectionSettingsRequestSchema,
  connectionSettingsSchema,
  envelope,
  idParamsSchema,
} from '../../contract/index.ts';
import { getConnectionSettings, replaceConnectionSettings } from '../../operations/index.ts';
import { defineRoute } from '../route.ts';

/** What Millrace adds to connections; the same in every version. */
export const connectionSettingsRoutes = [
  defineRoute({
    method: 'GET',
    url: '/api/x/connections/:id/settings',
    versions: API_VERSIONS,
    operationId: 'x.connections.getSettings',
    summary: 'Get how many steps of executions may work on a connection at once',
    params: idParamsSchema,
    response: envelope(connectionSettingsSchema),
    handle: async (context, { params }) => {
      const { maxLanes } = await getConnectionSettings(context, params.id);
      return { data: { max_lanes: maxLanes } };
    },
  }),
  defineRoute({
    method: 'PUT',
    url: '/api/x/connections/:id/settings',
    versions: API_VERSIONS,
    operationId: 'x.connections.updateSettings',
    summary: 'Replace this setting; what is left out goes back to its default',
    params: idParamsSchema,
    body: connectionSettingsRequestSchema,
    response: envelope(connectionSettingsSchema),
    handle: async (context, { params, body }) => {
      const { maxLanes } = await replaceConnectionSettings(context, params.id, { maxLanes: body.max_lanes ?? null });
      return { data: { max_lanes: maxLanes } };
    },
  }),
];
