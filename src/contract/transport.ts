import type { z } from 'zod';
import { apiErrorSchema } from './common.ts';
import { type ApiVersion, VERSION_HEADER } from './versions.ts';

/** The API version that this client speaks. */
const CLIENT_API_VERSION: ApiVersion = '2025-09-18';

const DEFAULT_TIMEOUT_MS = 90_000;

/** Where the server is and who calls. */
export interface ClientOptions {
  /** Such as `http://127.0.0.1:8420`; a path prefix is kept. */
  readonly url: string;
  /** A user's API key, sent as a bearer token. */
  readonly apiKey: string;
  /** Longest wait for one answer; the server itself checks an upstream system while we wait. Default 90 s. */
  readonly timeoutMs?: number;
}

export interface ApiRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** Starts with `/`; ids in it are already encoded (`pathOf`). */
  readonly path: string;
  /** A list is sent as one parameter for each of its values. */
  readonly query?: Readonly<Record<string, string | number | boolean | readonly string[] | undefined>>;
  readonly body?: unknown;
}

/** Sends one request and parses its answer; `null` as the schema means that the body does not matter. */
export type Send = <Schema extends z.ZodType | null>(
  request: ApiRequest,
  answer: Schema,
  signal?: AbortSignal,
) => Promise<Schema extends z.ZodType ? z.infer<Schema> : undefined>;

/**
 * What the server refused, or that it did not answer at all. The message is one sentence for a person.
 * It stands beside `SyncError` because it carries the server's own words, status and facts over the wire.
 */
export class ApiFailure extends Error {
  /** HTTP status; null when no answer came. */
  readonly status: number | null;
  /** `ApiError.key`, or `unreachable`, `timeout`, `unexpected_answer`. */
  readonly key: string;
  readonly metadata: Readonly<Record<string, unknown>>;

  constructor(
    message: string,
    facts: { status: number | null; key: string; metadata?: Record<string, unknown>; cause?: unknown },
  ) {
    super(message, facts.cause === undefined ? undefined : { cause: facts.cause });
    this.name = 'ApiFailure';
    this.status = facts.status;
    this.key = facts.key;
    this.metadata = facts.metadata ?? {};
  }

  /** True when asking again later may help: no answer, a restart, a limit. */
  get isTemporary(): boolean {
    return this.status === null ? this.key !== 'unexpected_answer' : this.status === 429 || this.status >= 502;
  }
}

/** Path with its parts encoded: pathOf`/api/connections/${id}`. */
export function pathOf(strings: TemplateStringsArray, ...parts: readonly string[]): string {
  return strings.reduce((path, text, index) => path + encodeURIComponent(parts[index - 1] ?? '') + text);
}

/** The one place where the client touches `fetch`. @throws `ApiFailure` */
export function createTransport(options: ClientOptions): Send {
  return async (request, answer, signal) => {
    const { status, isOk, text } = await call(options, request, signal).catch((error: unknown) => {
      if (error instanceof ApiFailure) throw error;
      if (signal?.aborted) throw signal.reason;
      throw noAnswer(options.url, error);
    });
    const body = parseJson(text);
    if (!isOk) throw refusal(status, body, options.url);
    // The conditional return type cannot be narrowed from `answer === null` by the compiler.
    return (answer === null ? undefined : parseAnswer(answer, body, request, status)) as never;
  };
}

async function call(
  options: ClientOptions,
  request: ApiRequest,
  signal: AbortSignal | undefined,
): Promise<{ status: number; isOk: boolean; text: string }> {
  const timeout = AbortSignal.timeout(options.timeoutMs ?? DEFAULT_TIMEOUT_MS);
  const hasBody = request.body !== undefined;
  const response = await fetch(addressOf(options.url, request), {
    method: request.method,
    headers: {
      authorization: `Bearer ${options.apiKey}`,
      [VERSION_HEADER]: CLIENT_API_VERSION,
      accept: 'application/json',
      ...(hasBody ? { 'content-type': 'application/json' } : {}),
    },
    ...(hasBody ? { body: JSON.stringify(request.body) } : {}),
    // A redirect would carry the key to wherever it points.
    redirect: 'error',
    signal: signal === undefined ? timeout : AbortSignal.any([timeout, signal]),
  });
  return { status: response.status, isOk: response.ok, text: await response.text() };
}

function addressOf(url: string, request: ApiRequest): URL {
  const base = url.replace(/\/+$/, '');
  if (!URL.canParse(`${base}${request.path}`) || !/^https?:/i.test(base)) {
    throw new ApiFailure(`"${url}" is not an address of a server: write it like http://127.0.0.1:8420.`, {
      status: null,
      key: 'unexpected_answer',
    });
  }
  const address = new URL(`${base}${request.path}`);
  for (const [name, value] of Object.entries(request.query ?? {})) {
    const values = Array.isArray(value) ? value : value === undefined ? [] : [value];
    for (const one of values) address.searchParams.append(name, String(one));
  }
  return address;
}

function noAnswer(url: string, cause: unknown): ApiFailure {
  if (cause instanceof Error && cause.name === 'TimeoutError') {
    return new ApiFailure(`Millrace at ${url} did not answer in time. Look at its log, then try again.`, {
      status: null,
      key: 'timeout',
      cause,
    });
  }
  return new ApiFailure(
    `Nothing answers at ${url} (${networkReason(cause)}). Start the server with \`millrace serve\`, or name another one with --url or MILLRACE_URL.`,
    { status: null, key: 'unreachable', cause },
  );
}

/** `fetch failed` says nothing; the system's own word is one or two causes down. */
function networkReason(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if ('code' in error && typeof error.code === 'string') return error.code;
  return error.cause === undefined ? error.message : networkReason(error.cause);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function refusal(status: number, body: unknown, url: string): ApiFailure {
  const parsed = apiErrorSchema.safeParse(body);
  if (parsed.success) return new ApiFailure(parsed.data.message, parsed.data);
  return new ApiFailure(`${url} answered ${status} without a reason: is it a Millrace server?`, {
    status,
    key: 'unexpected_answer',
  });
}

function parseAnswer(answer: z.ZodType, body: unknown, request: ApiRequest, status: number): unknown {
  const parsed = answer.safeParse(body);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new ApiFailure(
    `The server's answer to ${request.method} ${request.path} has an unexpected shape at "${issue?.path.join('.') ?? ''}" (${issue?.message ?? 'unknown'}): use a client of the server's version.`,
    { status, key: 'unexpected_answer' },
  );
}
