import type { IncomingHttpHeaders } from 'node:http';
import { SyncError } from '../../../core/index.ts';
import type { Redact } from './redact.ts';
import { BLOCKED_RESPONSE_HEADERS, PROXY_LIMITS } from './rules.ts';

/** Read beyond the limit, so that a secret that lies across it is seen whole: values have 4 KiB, and grow when encoded. */
export const MARGIN_BYTES = 32 * 1024;

/** What a system answered, as it is passed back. */
export interface ProxyAnswer {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** JSON parsed, other text as it is, everything else in base64. */
  readonly body: unknown;
  readonly contentType: string;
  readonly isTruncated: boolean;
}

interface Received {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  readonly isTruncated: boolean;
}

/** @throws `PROXY_UPSTREAM_FAILED` for a body that is packed: we ask for none, and cannot look for secrets in it */
export function readAnswer(received: Received, redact: Redact): ProxyAnswer {
  const packing = received.headers['content-encoding'] ?? 'identity';
  if (packing !== 'identity' && received.body.byteLength > 0)
    throw new SyncError(
      'PROXY_UPSTREAM_FAILED',
      `The system answered with status ${received.status} and a body packed as ${packing}, though it was asked not to pack it. It may have done what was asked.`,
    );
  const contentType = received.headers['content-type'] ?? '';
  const { bytes, isTruncated } = cut(received, redact);
  return {
    status: received.status,
    headers: toHeaders(received.headers, redact),
    body: toBody(bytes, contentType, isTruncated),
    contentType: redact(contentType),
    isTruncated,
  };
}

function cut({ body, isTruncated }: Received, redact: Redact) {
  const most = PROXY_LIMITS.answerBodyBytes;
  const text = redact(body.toString('latin1'));
  // What remains of a secret at the end of what was read is dropped with the margin.
  const kept = isTruncated ? text.slice(0, -MARGIN_BYTES) : text;
  return {
    bytes: Buffer.from(kept.slice(0, most), 'latin1'),
    isTruncated: isTruncated || body.byteLength > most || kept.length > most,
  };
}

const BLOCKED: ReadonlySet<string> = new Set(BLOCKED_RESPONSE_HEADERS);

function toHeaders(headers: IncomingHttpHeaders, redact: Redact): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) => {
      if (value === undefined || BLOCKED.has(name)) return [];
      return [[redact(name), redact(typeof value === 'string' ? value : value.join(', '))]];
    }),
  );
}

const JSON_TYPE = /^\s*(application|text)\/([\w.-]+\+)?json\b/i;
const TEXT_TYPE =
  /^\s*(text\/|application\/([\w.-]+\+)?(xml|javascript|graphql|yaml|x-www-form-urlencoded|x-ndjson)\b)/i;

function toBody(bytes: Buffer, contentType: string, isTruncated: boolean): unknown {
  const isJson = JSON_TYPE.test(contentType);
  if (!isJson && !TEXT_TYPE.test(contentType) && contentType !== '') return bytes.toString('base64');
  // A character that the limit cut in two is left out.
  const text = new TextDecoder().decode(bytes, { stream: isTruncated });
  return isJson && !isTruncated ? parseJson(text) : text;
}

const MAX_DEPTH = 500;

/** Text that is no JSON, or nested deeper than can be written again, stays text. */
function parseJson(text: string): unknown {
  if (measureDepth(text) > MAX_DEPTH) return text;
  try {
    return JSON.parse(text, keepNumber);
  } catch {
    return text;
  }
}

function measureDepth(text: string): number {
  let depth = 0;
  let deepest = 0;
  for (const [token] of text.matchAll(/"(?:[^"\\]|\\.)*"|[[\]{}]/g)) {
    if (token === '[' || token === '{') depth += 1;
    else if (token === ']' || token === '}') depth -= 1;
    deepest = Math.max(deepest, depth);
  }
  return deepest;
}

// The compiler's library does not know it yet; Node 22 does.
const writer = JSON as typeof JSON & { rawJSON(text: string): unknown };

/** Numbers that a double does not hold are written again digit by digit. */
function keepNumber(_key: string, value: unknown, { source }: { readonly source?: string } = {}): unknown {
  if (typeof value !== 'number' || source === undefined || String(value) === source) return value;
  return writer.rawJSON(source);
}
