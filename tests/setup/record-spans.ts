import { AsyncLocalStorage } from 'node:async_hooks';
import { randomBytes } from 'node:crypto';
import { appendFileSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';
import {
  type Context,
  type ContextManager,
  context,
  propagation,
  ROOT_CONTEXT,
  type Span,
  type SpanOptions,
  type TextMapPropagator,
  type Tracer,
  trace,
} from '@opentelemetry/api';

// What a tracing SDK does, as far as a test looks: preloaded into a server, it writes each ended span as a JSON line into
// the file that TEST_SPANS names.

/** One ended span as it is written. */
export interface RecordedSpan {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentId: string | null;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly hasFailed: boolean;
}

const ERROR_STATUS = 2;
const file = process.env.TEST_SPANS;

class RecordingTracer implements Tracer {
  startSpan(name: string, options: SpanOptions = {}, parent: Context = context.active()): Span {
    return createSpan(name, options, parent);
  }

  // The interface has three overloads; ours is always called with all arguments.
  startActiveSpan(...given: unknown[]): never {
    const [name, options, parent, work] = given as [string, SpanOptions, Context, (span: Span) => unknown];
    const span = this.startSpan(name, options, parent);
    return context.with(trace.setSpan(parent, span), () => work(span)) as never;
  }
}

function createSpan(name: string, options: SpanOptions, parent: Context): Span {
  const above = trace.getSpanContext(parent);
  const spanContext = {
    traceId: above?.traceId ?? randomBytes(16).toString('hex'),
    spanId: randomBytes(8).toString('hex'),
    traceFlags: 1,
  };
  const attributes: Record<string, unknown> = { ...options.attributes };
  let hasFailed = false;
  const span: Span = {
    spanContext: () => spanContext,
    setAttribute(key, value) {
      attributes[key] = value;
      return span;
    },
    setAttributes: (more) => {
      Object.assign(attributes, more);
      return span;
    },
    addEvent: () => span,
    addLink: () => span,
    addLinks: () => span,
    setStatus({ code }) {
      hasFailed = code === ERROR_STATUS;
      return span;
    },
    updateName: () => span,
    isRecording: () => true,
    recordException: () => {},
    end() {
      const { traceId, spanId } = spanContext;
      const recorded: RecordedSpan = { name, traceId, spanId, parentId: above?.spanId ?? null, attributes, hasFailed };
      if (file !== undefined) appendFileSync(file, `${JSON.stringify(recorded)}\n`);
    },
  };
  return span;
}

class AsyncContextManager implements ContextManager {
  readonly #storage = new AsyncLocalStorage<Context>();
  active = () => this.#storage.getStore() ?? ROOT_CONTEXT;
  with: ContextManager['with'] = (active, work, self, ...given) =>
    this.#storage.run(active, () => work.call(self as never, ...given));
  bind = <T>(_: Context, target: T): T => target;
  enable = () => this;
  disable = () => this;
}

/** https://www.w3.org/TR/trace-context/#traceparent-header */
const traceContext: TextMapPropagator = {
  inject(from, carrier, setter) {
    const span = trace.getSpanContext(from);
    if (span !== undefined) setter.set(carrier, 'traceparent', `00-${span.traceId}-${span.spanId}-01`);
  },
  extract(into, carrier, getter) {
    const [, traceId, spanId] =
      /^00-([0-9a-f]{32})-([0-9a-f]{16})-/.exec(String(getter.get(carrier, 'traceparent'))) ?? [];
    if (traceId === undefined || spanId === undefined) return into;
    return trace.setSpanContext(into, { traceId, spanId, traceFlags: 1, isRemote: true });
  },
  fields: () => ['traceparent'],
};

if (isMainThread) {
  context.setGlobalContextManager(new AsyncContextManager());
  propagation.setGlobalPropagator(traceContext);
  trace.setGlobalTracerProvider({ getTracer: () => new RecordingTracer() });
}
