import type { FastifyInstance } from 'fastify';
import { isApiRequest } from './version.ts';

/**
 * One line for each operation that was asked for, by the template of its path: what changes something at `info`, what
 * only reads at `debug`, since people who watch an execution ask twice a second. No bodies, no queries, no keys.
 */
export function logRequests(app: FastifyInstance): void {
  app.addHook('onResponse', async (request, reply) => {
    if (!isApiRequest(request)) return;
    const route = request.routeOptions.url ?? 'none';
    const facts = {
      method: request.method,
      route,
      status: reply.statusCode,
      durationMs: Math.round(reply.elapsedTime),
      ...(request.caller === null
        ? {}
        : {
            organizationId: request.caller.organizationId,
            caller: request.caller.kind,
            userId: request.caller.userId,
          }),
    };
    const level = request.method === 'GET' ? 'debug' : 'info';
    request.log[level](facts, `${request.method} ${route} was answered with ${reply.statusCode}.`);
  });
}
