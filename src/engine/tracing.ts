import {
  type Attributes,
  type Context,
  context,
  propagation,
  ROOT_CONTEXT,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api';
import { serializeError } from '../core/index.ts';

/** What spans of an execution's work have in common. */
export interface Traced {
  readonly id: string;
  readonly syncId: string;
  /** W3C trace context of the request that started it; null when nobody traced that. */
  readonly traceParent: string | null;
}

const tracer = trace.getTracer('millrace');

/**
 * Runs a part of an execution's work in a span of the trace of its start, or below the span that is active here. Without
 * a tracing SDK in the process this costs next to nothing.
 */
export function inSpan<T>(name: string, of: Traced, attributes: Attributes, work: () => Promise<T>): Promise<T> {
  return tracer.startActiveSpan(name, { attributes: { ...idsOf(of), ...attributes } }, parentOf(of), async (span) => {
    try {
      return await work();
    } catch (error) {
      // Of the error its code: a message may name what no trace should keep.
      span.setStatus({ code: SpanStatusCode.ERROR, message: serializeError(error).code });
      throw error;
    } finally {
      span.end();
    }
  });
}

/** Records a span for work that is over, and that several processes may have had a part in. */
export function recordSpan(
  name: string,
  of: Traced,
  attributes: Attributes,
  { from, to, hasFailed }: { readonly from: Date; readonly to: Date; readonly hasFailed: boolean },
): void {
  const options = { startTime: from, attributes: { ...idsOf(of), ...attributes } };
  const span = tracer.startSpan(name, options, startOf(of));
  if (hasFailed) span.setStatus({ code: SpanStatusCode.ERROR });
  span.end(to);
}

function idsOf({ id, syncId }: Traced): Attributes {
  return { 'millrace.execution.id': id, 'millrace.sync.id': syncId };
}

function parentOf(of: Traced): Context {
  const active = context.active();
  return trace.getSpan(active) === undefined ? startOf(of) : active;
}

function startOf({ traceParent }: Traced): Context {
  return traceParent === null ? ROOT_CONTEXT : propagation.extract(ROOT_CONTEXT, { traceparent: traceParent });
}
