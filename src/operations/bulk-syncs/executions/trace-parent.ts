import { context, propagation } from '@opentelemetry/api';

/** W3C trace context of the request that is served now; null when nobody traces it. */
export function currentTraceParent(): string | null {
  const carrier: Record<string, string> = {};
  propagation.inject(context.active(), carrier);
  return carrier.traceparent ?? null;
}
