import { idParamsSchema, proxyEnvelope, proxyInfoEnvelope, proxyRequestSchema } from '../../contract/index.ts';
import { getProxyInfo, proxyRequest } from '../../operations/index.ts';
import { defineRoute, type Route } from '../route.ts';
import { since } from '../versions/range.ts';
import { toProxyAnswerView, toProxyInfoView } from '../views/proxy.ts';

/** Requests to the system behind a connection. */
export const proxyRoutes: readonly Route[] = [
  defineRoute({
    method: 'POST',
    url: '/api/connections/:id/proxy',
    versions: since('2025-09-18'),
    operationId: 'connections.executeProxy',
    summary: 'Send a request to the system behind a connection',
    params: idParamsSchema,
    body: proxyRequestSchema,
    response: proxyEnvelope,
    handle: async (context, { params, body }) => ({
      data: toProxyAnswerView(await proxyRequest(context, params.id, body.request)),
    }),
  }),
  defineRoute({
    method: 'GET',
    url: '/api/connections/:id/proxy/info',
    versions: since('2025-09-18'),
    operationId: 'connections.getProxyInfo',
    summary: 'Get what such a request begins with, and its limits',
    params: idParamsSchema,
    response: proxyInfoEnvelope,
    handle: async (context, { params }) => ({ data: toProxyInfoView(await getProxyInfo(context, params.id)) }),
  }),
];
