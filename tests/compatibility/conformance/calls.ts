import type { ApiVersion } from '../../../src/contract/index.ts';

/** Who sends a request. `partner`: who may manage organizations. */
export type Sender = 'user' | 'partner' | 'nobody';

/** One request, in the words of the published document. */
export interface Call {
  /** `GET /api/connections/{id}`; of several, the first that the version has is called. */
  readonly operation: string | readonly string[];
  /** Values of the path's parameters, in their order. */
  readonly params?: readonly string[];
  /** An object is sent as one JSON text. */
  readonly query?: Readonly<
    Record<string, string | number | boolean | readonly string[] | { readonly [key: string]: string }>
  >;
  readonly body?: unknown;
  /** What it has to be answered with; absent = 200. */
  readonly status?: number;
  readonly as?: Sender;
}

/** A call whose operation is decided. */
export interface PlainCall extends Call {
  readonly operation: string;
}

export interface Answer {
  readonly status: number;
  /** Parsed; null = empty. */
  // Answers are looked at in every depth; their shapes are proved against the published documents.
  readonly body: ReturnType<typeof JSON.parse>;
}

/** How calls reach the server. */
export interface Transport {
  readonly name: string;
  send(call: PlainCall, version: ApiVersion): Promise<Answer>;
}

/** One call with what came of it. */
export interface Outcome {
  readonly operation: string;
  readonly status: number;
  /** Empty = as published. */
  readonly problems: readonly string[];
}
