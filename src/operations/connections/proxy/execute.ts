import type { HttpAccess } from '../../../connector-kit/index.ts';
import { type ErrorCode, SyncError } from '../../../core/index.ts';
import { type ConnectionRecord, countProxyCall } from '../../../store/index.ts';
import { announceAudit, completeAudit } from '../../audit/record.ts';
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
  const note = await announce(context, { connection, given, proxyCallId });
  try {
    const answer = await exchange(context, access, request);
    await note('answered', answer.status);
    return { ...answer, latencyMs: Math.round(performance.now() - begun), proxyCallId };
  } catch (error) {
    const failure = toUpstreamError(error);
    if (failure !== null) await note('unanswered', null);
    else if (isOurs(error)) await note('not_sent', null);
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

/** What became of a request: `unknown` is what stays when this process dies before it learns of it. */
type Outcome = 'unknown' | 'answered' | 'unanswered' | 'not_sent';

/**
 * Notes a request before it is sent, where it may change something: what was done must not be missing when this process dies
 * in the middle. @returns notes and counts what became of it
 */
async function announce(
  context: Context,
  { connection, given, proxyCallId }: Call,
): Promise<(outcome: Outcome, status: number | null) => Promise<void>> {
  const { id, name } = connection;
  const { method, path } = given;
  const describe = (outcome: Outcome, status: number | null) => ({ method, path, status, outcome, proxyCallId });
  const object = { type: 'connection', id, name };
  const event = { action: 'proxy', object, after: describe('unknown', null) };
  const entryId = method === 'GET' ? null : await announceAudit(context.store.db, context, event);
  return (outcome, status) =>
    context.store.transaction(async ({ db }) => {
      const call = { connectionId: id, status, at: context.clock() };
      if (outcome !== 'not_sent') await countProxyCall(db, context.caller.organizationId, call);
      if (entryId !== null) await completeAudit(db, context, entryId, describe(outcome, status));
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

/** A refusal before anything was sent. Of what else fails nobody knows how far it came. */
function isOurs(error: unknown): boolean {
  return error instanceof SyncError && error.kind !== 'internal';
}
