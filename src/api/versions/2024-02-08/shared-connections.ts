import { parentConnectionParamsSchema } from '../../../contract/index.ts';
import { shareConnection } from '../../../operations/index.ts';
import { defineRoute } from '../../route.ts';
import { answerSharedConnections, listShared, share, toShare } from '../../routes/shared-connections.ts';

const VERSIONS = ['2024-02-08'] as const;

/** Shared connections, where the parent is named alone. */
export const sharedConnectionRoutes = [
  defineRoute({
    ...listShared,
    url: '/api/connections/:parent_connection_id/shared',
    versions: VERSIONS,
    operationId: 'connections.listSharedConnections',
    params: parentConnectionParamsSchema,
    handle: (context, { params }) =>
      answerSharedConnections(context, { organizationId: null, connectionId: params.parent_connection_id }),
  }),
  defineRoute({
    ...share,
    url: '/api/connections/:parent_connection_id/share',
    versions: VERSIONS,
    params: parentConnectionParamsSchema,
    handle: async (context, { params, body }) => {
      const path = { organizationId: null, connectionId: params.parent_connection_id };
      return { data: await shareConnection(context, path, toShare(body)) };
    },
  }),
];
