import type { z } from 'zod';
import type { ApiVersion } from '../contract/index.ts';
import type { Context } from '../operations/index.ts';

/** What a handler gets: the request's parts, parsed by the route's own schemas. */
export interface RouteInput<P, Q, B> {
  readonly params: P;
  readonly query: Q;
  readonly body: B;
  readonly version: ApiVersion;
}

/** What a handler may say beside its body. */
export interface RouteAnswer {
  setHeader(name: string, value: string): void;
}

/** Whose keys may ask for an operation. */
export type RouteCallers = 'organization' | 'partner' | 'any';

/**
 * One public operation. A body is refused with 400 when it does not fit `body` (use strict objects: unknown fields are
 * errors), a path with 404 when it does not fit `params`.
 */
export interface RouteSpec<
  P extends z.ZodType,
  Q extends z.ZodType,
  B extends z.ZodType,
  R extends z.ZodType = z.ZodUndefined,
> {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** With `:name` for path parameters. */
  readonly url: string;
  /** Versions that have this operation in exactly this shape. */
  readonly versions: readonly ApiVersion[];
  /**
   * Whose keys may ask. `organization` (when absent): all that act inside one organization. `partner`: partner and
   * deployment keys alone, over their organizations. `any`: both.
   */
  readonly callers?: RouteCallers;
  /** The public reference's name of the operation, such as `connections.list`. */
  readonly operationId: string;
  readonly summary: string;
  readonly params?: P;
  readonly query?: Q;
  readonly body?: B;
  /** Absent = an answer without a body. */
  readonly response?: R;
  /** 200 when absent. */
  readonly status?: 200 | 202;
  handle(
    context: Context,
    input: RouteInput<z.output<P>, z.output<Q>, z.output<B>>,
    answer: RouteAnswer,
  ): Promise<z.output<R>>;
}

/** A route whose types were checked where it was defined, so that routes of all shapes fit one list. */
export interface Route extends Omit<RouteSpec<z.ZodType, z.ZodType, z.ZodType, z.ZodType>, 'handle'> {
  handle(context: Context, input: RouteInput<unknown, unknown, unknown>, answer: RouteAnswer): Promise<unknown>;
}

/** Checks a route's handler against its schemas. */
export function defineRoute<
  P extends z.ZodType = z.ZodUndefined,
  Q extends z.ZodType = z.ZodUndefined,
  B extends z.ZodType = z.ZodUndefined,
  R extends z.ZodType = z.ZodUndefined,
>(spec: RouteSpec<P, Q, B, R>): Route {
  return {
    ...spec,
    handle: (context, input, answer) =>
      // The server parses every part with the schema of this same spec before it calls.
      spec.handle(context, input as RouteInput<z.output<P>, z.output<Q>, z.output<B>>, answer),
  };
}
