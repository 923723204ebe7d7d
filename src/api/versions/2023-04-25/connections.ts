import {
  connectionEnvelope,
  createConnectionSchema,
  idParamsSchema,
  olderConnectRequestSchema,
  updateConnectionSchema,
} from '../../../contract/index.ts';
import { patchConnection } from '../../../operations/index.ts';
import { defineRoute } from '../../route.ts';
import { connect } from '../../routes/connection-parameters.ts';
import { create } from '../../routes/connections.ts';
import { toConnectionBody } from '../../views/connections.ts';
import { withoutUndefined } from '../../views/without-nulls.ts';

const VERSIONS = ['2023-04-25'] as const;
const { configuration, validate } = createConnectionSchema.shape;

/** Types that need nothing may be made with nothing. */
const createSchema = createConnectionSchema.extend({ configuration: configuration.default({}) });

const patchSchema = updateConnectionSchema.partial().extend({
  configuration: configuration.optional().describe('Laid over what is stored.'),
  validate,
});

/** Making connections, also by a page, and changing them in parts. */
export const connectionRoutes = [
  defineRoute({
    ...connect,
    url: '/api/connections/connect',
    versions: VERSIONS,
    operationId: 'connections.connect',
    body: olderConnectRequestSchema,
  }),
  defineRoute({ ...create, versions: VERSIONS, body: createSchema }),
  defineRoute({
    method: 'PATCH',
    url: '/api/connections/:id',
    versions: VERSIONS,
    operationId: 'connections.update',
    summary: 'Change parts of a connection; what is left out stays as it is',
    params: idParamsSchema,
    body: patchSchema,
    response: connectionEnvelope,
    handle: async (context, { params, body }) => {
      const { name, policies, healthcheck_interval: healthcheckInterval, organization_id: organizationId } = body;
      const change = withoutUndefined({
        ...{ name, healthcheckInterval, organizationId, configuration: body.configuration },
        policies: policies === null ? [] : policies,
      });
      const connection = await patchConnection(context, params.id, {
        ...change,
        type: body.type ?? null,
        validate: body.validate,
      });
      return { data: toConnectionBody(connection) };
    },
  }),
];
