import type { HttpAccess } from '../../../connector-kit/index.ts';
import { type ErrorCode, SyncError } from '../../../core/index.ts';
import { type ConnectionRecord, countProxyCall } from '../../../store/index.ts';
import { recordAudit } from '../../audit/record.ts';
import type { Context } from '../../context.ts';
import { requireConnection } from '../connections.ts';
import { findOrigin } from '../parents.ts';
import { openHttpAccess } from './access.ts';
import { buildRequest, type OutgoingRequest, type ProxyRequest } from './build-request.ts';
import { takeTurn } from './rate.ts';
import { MARGIN_BYTES, type ProxyAnswer, readAnswer } from './read-answer.ts';
import { createRedaction } from './redact.ts';
import { PROXY_LIMITS } from './rules.ts';

/** What became of a request that was passed on. */
export interface ProxyOutcome extends ProxyAnswer {
  readonly latencyMs: number;
  /** Stands in the audit log, too, where the request may have changed something. */
  readonly proxyCallId: string;
}

/**
 * Sends a request to the system behind a connection, with the connection's own headers and query. Redirects are not
 * followed, and nothing is sent twice. Whatever status comes back is an answer.
 * @throws `PROXY_NOT_AVAILABLE`, `PROXY_RATE_LIMITED`, `PROXY_UPSTREAM_FAILED`, `PROXY_UPSTREAM_TIMEOUT`,
 * `CONN_ADDRESS_REFUSED`, `REQUEST_REFUSED` naming the field, `BODY_TOO_LARGE`, `NOT_FOUND`, `FORBIDDEN`
 */
export async function proxyRequest(context: Context, connectionId: string, given: ProxyRequest): Promise<ProxyOutcome> {
  // What goes through it may change anything in that system.
  const connection = await requireConnection(context, connectionId, 'edit');
  const access = await openHttpAccess(context, connection);
  const request = buildRequest(access, given);
  takeTurn(context, (await findOrigin(context, connection)).id);
  const proxyCallId = context.newId();
  const begun = performance.now();
  const call = { connection, given, proxyCallId };
  try {
    const answer = await exchange(context, access, request);
    await note(context, call, answer.status);
    return { ...answer, latencyMs: Math.round(performance.now() - begun), proxyCallId };
  } catch (error) {
    const failure = toUpstreamError(error);
    if (failure !== null) await note(context, call, null);
    throw failure ?? error;
  }
}

async function exchange(context: Context, access: HttpAccess, request: OutgoingRequest): Promise<ProxyAnswer> {
  const received = await context.http({
    ...request,
    timeoutMs: PROXY_LIMITS.timeoutMs,
    maxBodyBytes: PROXY_LIMITS.answerBodyBytes + MARGIN_BYTES,
    onLongBody: 'cut',
  });
  return readAnswer(received, createRedaction(access));
}

interface Call {
  readonly connection: ConnectionRecord;
  readonly given: ProxyRequest;
  readonly proxyCallId: string;
}

/** @param status null = there was no answer */
async function note(context: Context, { connection, given, proxyCallId }: Call, status: number | null): Promise<void> {
  const { id, name } = connection;
  const { method, path } = given;
  await context.store.transaction(async ({ db }) => {
    await countProxyCall(db, context.caller.organizationId, { connectionId: id, status, at: context.clock() });
    if (method === 'GET') return;
    const after = { method, path, status, proxyCallId };
    await recordAudit(db, context, { action: 'proxy', object: { type: 'connection', id, name }, before: null, after });
  });
}

/** Failures of the way to the system, and of the system. */
const FAILED: readonly ErrorCode[] = ['CONN_UNREACHABLE', 'CONN_TLS_FAILED', 'CONN_LOST', 'HTTP_ANSWER_REFUSED'];

/** Null for what is neither: the request never left. */
function toUpstreamError(error: unknown): SyncError | null {
  if (!(error instanceof SyncError)) return null;
  if (error.code === 'PROXY_UPSTREAM_FAILED') return error;
  if (error.code === 'HTTP_TIMEOUT') return new SyncError('PROXY_UPSTREAM_TIMEOUT', error.message, { cause: error });
  if (FAILED.includes(error.code)) return new SyncError('PROXY_UPSTREAM_FAILED', error.message, { cause: error });
  return null;
}
