import { context, propagation, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import type { FastifyRequest } from 'fastify';
import { SyncError } from '../core/index.ts';

const tracer = trace.getTracer('millrace');

/**
 * Runs an operation in a span that continues the caller's trace. Without a tracing SDK in the process this costs next to
 * nothing.
 */
export function inRequestSpan<T>(request: FastifyRequest, route: string, work: () => Promise<T>): Promise<T> {
  const attributes = {
    'http.request.method': request.method,
    'http.route': route,
    'millrace.request.id': request.id,
    'millrace.organization.id': request.caller?.organizationId ?? '',
  };
  const parent = propagation.extract(context.active(), request.headers);
  const options = { kind: SpanKind.SERVER, attributes };
  return tracer.startActiveSpan(`${request.method} ${route}`, options, parent, async (span) => {
    try {
      return await work();
    } catch (error) {
      const isOurs = !(error instanceof SyncError) || error.kind === 'internal';
      span.setAttribute('error.type', error instanceof SyncError ? error.code : 'INTERNAL');
      if (isOurs) span.setStatus({ code: SpanStatusCode.ERROR });
      throw error;
    } finally {
      span.end();
    }
  });
}
