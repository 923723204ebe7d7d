/** Who has to move after a failure, and so what the engine and the HTTP layer do with it. */
export type FailureKind =
  | 'malformed'
  | 'unauthenticated'
  | 'invalid_request'
  | 'not_found'
  | 'not_allowed'
  | 'conflict'
  | 'forbidden'
  | 'too_large'
  | 'configuration'
  | 'transient'
  | 'rate_limited'
  | 'bad_gateway'
  | 'gateway_timeout'
  | 'history_lost'
  | 'data'
  | 'canceled'
  | 'internal';

/** Every failure we can report. The comment of a code is its page in the docs. */
export const ERROR_CODES = {
  /** The request's body, query or path does not parse or does not fit the schema. Correct the named field. */
  REQUEST_MALFORMED: 'malformed',
  /** No API key was sent, or it is unknown or revoked. Send a valid key. */
  AUTH_REQUIRED: 'unauthenticated',
  /** The caller may not do this. Use a key that may. */
  FORBIDDEN: 'forbidden',
  /** A signed link was changed, belongs to another installation, or has expired. Ask for a new one. */
  LINK_REFUSED: 'forbidden',
  /** The server is reached from other machines and has no token for metrics. Set `MILLRACE_METRICS_TOKEN`, and send it. */
  METRICS_CLOSED: 'forbidden',
  /** The id is unknown in the caller's organization. */
  NOT_FOUND: 'not_found',
  /** The path does not exist, or not in the asked API version. The message names the versions that have it. */
  ROUTE_NOT_FOUND: 'not_found',
  /** The request is well formed, but a rule refuses it. The message names the field and the rule. */
  REQUEST_REFUSED: 'invalid_request',
  /** The body is larger than the server takes. Send less at once. */
  BODY_TOO_LARGE: 'too_large',
  /** The method is not one of this path's. The header `Allow` names those that are. */
  METHOD_NOT_ALLOWED: 'not_allowed',
  /** The caller has sent too many requests in this minute. Wait as long as the header `Retry-After` says. */
  RATE_LIMITED: 'rate_limited',
  /** The first request with this Idempotency-Key is still being answered. Send the same request again in a moment. */
  IDEMPOTENCY_IN_FLIGHT: 'conflict',
  /** The Idempotency-Key came with another request before. Send the same request, or a key of its own. */
  IDEMPOTENCY_KEY_REUSED: 'invalid_request',
  /** The request was done already, and its answer cannot be given again. The message says why, and how it ended. */
  IDEMPOTENCY_ANSWER_LOST: 'conflict',
  /** An execution of this sync runs already. Wait for it or cancel it. */
  EXECUTION_RUNNING: 'conflict',
  /** Somebody else changed the same object at the same time, so nothing was changed. Send the request again. */
  CHANGED_MEANWHILE: 'conflict',
  /** The name is taken by another object of its kind. Choose another one. */
  NAME_TAKEN: 'conflict',
  /** The user has an API key already. Use it, or ask with `force` for a new one, which revokes it. */
  KEY_EXISTS: 'conflict',
  /** Too many requests with unknown keys came from this address. Wait as long as the answer says, then send a valid key. */
  LOCKED_OUT: 'rate_limited',
  /** A sync option is stored but has no effect yet, so a start with it is refused. Set it to its default. */
  OPTION_NOT_AVAILABLE: 'invalid_request',
  /** The organization has too many jobs and queries that have not ended. Wait for them, then ask again. */
  TOO_MANY_JOBS: 'rate_limited',
  /** Model syncs are kept and checked, and cannot be run yet. Nothing was written. */
  MODEL_SYNC_NOT_RUN: 'invalid_request',
  /** The connection is used by other objects. Delete those first, or force the delete. */
  CONNECTION_IN_USE: 'invalid_request',
  /** The schema cache is not filled yet. Wait for the refresh to end, then try again. */
  SCHEMA_CACHE_NOT_READY: 'invalid_request',
  /** The connection's schemas have not been read, so none can be selected. Refresh them, then try again. */
  SCHEMAS_NOT_LOADED: 'malformed',
  /** The system behind the connection refuses us, so its schemas cannot be read. Mend the connection, then try again. */
  CONNECTION_UNHEALTHY: 'malformed',
  /** This type of connection cannot do that. */
  FEATURE_NOT_SUPPORTED: 'not_found',
  /** The host name does not resolve, or nothing answers there. Correct the address or open the network. */
  CONN_UNREACHABLE: 'configuration',
  /** The password or key was refused. Fix the connection, then start the sync again. */
  CONN_AUTH_REFUSED: 'configuration',
  /** The database or file named in the connection does not exist. */
  CONN_DATABASE_MISSING: 'configuration',
  /** The user of the connection lacks a privilege. The message names it. */
  CONN_PRIVILEGE_MISSING: 'configuration',
  /** TLS could not be agreed or the certificate was refused. */
  CONN_TLS_FAILED: 'configuration',
  /** The system is of a version that Millrace does not speak to. The message names the oldest that will do. */
  CONN_VERSION_UNSUPPORTED: 'configuration',
  /** The SSH host shows another key than the connection names, or none is named where one is needed. Compare it, then correct `ssh_host_key`. */
  CONN_SSH_HOST_KEY: 'configuration',
  /** The SSH host cannot be spoken to, or does not forward connections for this user. The message says what it answered. */
  CONN_SSH_FAILED: 'configuration',
  /** Between us and the server a pooler hands sessions out per transaction or statement. Use the server's own port, or a pooler in session mode. */
  CONN_POOLER: 'configuration',
  /** The address of the connection is one that Millrace never opens (its own database, link-local, metadata). */
  CONN_ADDRESS_REFUSED: 'configuration',
  /** The path of a connection's health check was not answered with success. The message says with what. */
  CONN_CHECK_FAILED: 'configuration',
  /** The file path lies outside the folder that connections may use. */
  CONN_PATH_REFUSED: 'configuration',
  /** The connection broke or the system is starting, stopping or out of a resource. Retried by itself. */
  CONN_LOST: 'transient',
  /** The server, the database or the role has no session left for us. Retried by itself; raise its limit, or lower that of the sync. */
  CONN_FULL: 'transient',
  /** Another process, or another sync of this server, holds the file. Retried by itself; close the other process. */
  FILE_LOCKED: 'transient',
  /** The file is not what the connection says, is damaged, or was written by a newer version of its system. */
  FILE_INVALID: 'configuration',
  /** A lock in the destination was not granted in time. Retried by itself. */
  LOCK_TIMEOUT: 'transient',
  /** The disk of the system or of this machine is full. Free space, then start again; old data is kept. */
  DISK_FULL: 'configuration',
  /** A disk of the system or of this machine answered with an error. Look at the machine's log, then start again; old data is kept. */
  DISK_FAILED: 'configuration',
  /** A step needs more memory than this machine may give it. Leave large fields out, or use a machine with more. */
  MEMORY_EXHAUSTED: 'configuration',
  /** Other steps of the process held all memory for long records, for minutes. The engine tries again; raise `MILLRACE_MEMORY_CREDIT`. */
  MEMORY_BUSY: 'transient',
  /** The source snapshot that the readers shared is gone. The engine renews it. */
  SNAPSHOT_LOST: 'transient',
  /** Two requests stood in each other's way, and this one was given up: nothing was changed by it. Send it again. */
  REQUESTS_COLLIDED: 'transient',
  /** Another owner took the segment or the table over; this one must stop. Never retried. */
  FENCE_LOST: 'canceled',
  /** The work was cancelled by a user or by shutdown. */
  CANCELED: 'canceled',
  /** A record cannot be held by the destination. Isolated by the engine, never fatal alone. */
  RECORD_REFUSED: 'data',
  /** Two records have one value of a key that a user declared, or a record has none. Declare a key that tells all records apart, or reset it. */
  KEY_NOT_UNIQUE: 'configuration',
  /** More records were rejected than a run may reject. Look at the rejects, mend the data or the field types. */
  TOO_MANY_REJECTS: 'configuration',
  /** One cell or record is larger than the stated cap. */
  RECORD_TOO_LARGE: 'configuration',
  /** The destination table exists and was not created by Millrace. Set `adopt` or choose another name. */
  TABLE_NOT_OURS: 'configuration',
  /** The destination table is written by another sync. */
  TABLE_OWNED: 'configuration',
  /** The destination table's columns do not fit the source's any more. The message names the column. */
  TABLE_DIFFERS: 'configuration',
  /** The destination table would have more columns than the destination takes. Select fewer fields, or leave out the record timestamps. */
  TABLE_TOO_WIDE: 'configuration',
  /** The run would lose more live records, or more of a column's values, than `max_loss_percent` allows. No record was changed. */
  LOSS_GUARD: 'configuration',
  /** A schema or field of the sync is gone from the source. */
  SOURCE_CHANGED: 'configuration',
  /** A row filter does not fit its field, whose type may have changed in the source. Change the filter. */
  FILTER_MISFIT: 'configuration',
  /** A query of yours, or the table of a model, cannot be read. The message says what the system answered. Correct the query. */
  QUERY_FAILED: 'invalid_request',
  /** The source's own expression (of a view, a generated field) fails for some record. Mend it in the source. */
  SOURCE_QUERY_FAILED: 'configuration',
  /** Source and destination differ after the load. The message names the key range; the run fails. */
  VERIFICATION_FAILED: 'configuration',
  /** The bytes of the wire format are not what the format says. */
  FORMAT_CORRUPT: 'configuration',
  /** A secret cannot be opened: the master key is lost or another one. Restore the key; it is never made anew over existing secrets. */
  MASTER_KEY_MISMATCH: 'configuration',
  /** The metadata database was written by a newer Millrace. Start that version. */
  METADATA_NEWER: 'configuration',
  /** The metadata database was made with another text of an applied migration. Start the Millrace that made it. */
  METADATA_DIFFERS: 'configuration',
  /** A setting of the process is missing or wrong. The message names the variable. */
  CONFIG_INVALID: 'configuration',
  /** Another server runs on the same home folder. Stop it, or choose another home. The message names its process. */
  HOME_IN_USE: 'conflict',
  /** The server that a command starts for itself did not start. The message says what it said. */
  PRIVATE_SERVER_FAILED: 'configuration',
  /** The home folder cannot be created or written. Make it writable, or choose another one. */
  HOME_UNUSABLE: 'configuration',
  /** The address the server should listen on is taken, forbidden or not this machine's. Choose another port or host. */
  LISTEN_FAILED: 'configuration',
  /** The embedded PostgreSQL cannot be set up or started here. The message says what is missing; `DATABASE_URL` replaces it. */
  EMBEDDED_DATABASE_FAILED: 'configuration',
  /** The embedded database was made by another major version of PostgreSQL. Start the Millrace that made it. */
  EMBEDDED_DATABASE_VERSION: 'configuration',
  /** The metadata database named by `DATABASE_URL` does not answer or refuses us. Correct the URL or start the database. */
  METADATA_UNREACHABLE: 'configuration',
  /** The destination has seen a newer load than the metadata know of: an older backup of them was restored. Start the sync again. */
  DESTINATION_AHEAD: 'configuration',
  /** The file is no backup, is damaged, or was written by a newer Millrace. Take another one, or start the version that wrote it. */
  BACKUP_INVALID: 'configuration',
  /** The metadata database to restore into holds something, or is in use. Use an empty one, or stop its servers and say `--replace`. */
  RESTORE_REFUSED: 'configuration',
  /** Connect has no pages yet. Make connections with `POST /api/connections`. */
  CONNECT_NOT_AVAILABLE: 'invalid_request',
  /** The system behind the connection does not speak HTTP, so no request can be passed on to it. */
  PROXY_NOT_AVAILABLE: 'invalid_request',
  /** More requests were passed on through the connection, or in the organization, than one minute may have. Wait as long as `Retry-After` says. */
  PROXY_RATE_LIMITED: 'rate_limited',
  /** A request that was passed on was not answered: the system was not reached, or broke off. It may have done what was asked. */
  PROXY_UPSTREAM_FAILED: 'bad_gateway',
  /** A request that was passed on was not answered in time. The system may have done what was asked. */
  PROXY_UPSTREAM_TIMEOUT: 'gateway_timeout',
  /** A URL to call is none, or has a scheme, user name or header that is not taken. Correct it. */
  HTTP_URL_REFUSED: 'configuration',
  /** An HTTP server did not answer in time. Check whether it is up, then try again. */
  HTTP_TIMEOUT: 'transient',
  /** An HTTP server's answer was too long, or it redirects in a way that is not followed. Name the address that is meant. */
  HTTP_ANSWER_REFUSED: 'configuration',
  /** The mail server did not take an e-mail. The message says what it answered; it is tried again for a day. */
  MAIL_FAILED: 'transient',
  /** A defect in Millrace. Report it with the log. */
  INTERNAL: 'internal',
} as const satisfies Record<string, FailureKind>;

export type ErrorCode = keyof typeof ERROR_CODES;

/** Facts that travel with an error: ids and names only, never secrets or record values. */
export type ErrorDetail = Readonly<Record<string, string | number | boolean | readonly unknown[]>>;

export interface SyncErrorOptions {
  readonly cause?: unknown;
  /** How long the other side asked us to wait, in milliseconds. */
  readonly retryAfterMs?: number;
  readonly detail?: ErrorDetail;
}

/** The one error class: what we did, to what, what came back, what to do. */
export class SyncError extends Error {
  readonly code: ErrorCode;
  readonly kind: FailureKind;
  readonly retryAfterMs: number | undefined;
  readonly detail: ErrorDetail;

  constructor(code: ErrorCode, message: string, options: SyncErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'SyncError';
    this.code = code;
    this.kind = ERROR_CODES[code];
    this.retryAfterMs = options.retryAfterMs;
    this.detail = options.detail ?? {};
  }
}

/** An error in a form that crosses threads and is stored as JSON. */
export interface SerializedError {
  readonly code: ErrorCode;
  readonly message: string;
  readonly detail: ErrorDetail;
}

/** Any thrown value as plain data; what is not a `SyncError` becomes `INTERNAL` with its own message. */
export function serializeError(thrown: unknown): SerializedError {
  const error = firstError(thrown);
  if (error instanceof SyncError) return { code: error.code, message: error.message, detail: error.detail };
  if (isAbort(error)) return { code: 'CANCELED', message: 'The work was cancelled.', detail: {} };
  return {
    code: 'INTERNAL',
    message: error instanceof Error ? (error.stack ?? error.message) : String(error),
    detail: {},
  };
}

/** What went wrong first, where closing things afterwards failed as well. */
export function firstError(error: unknown): unknown {
  return error instanceof SuppressedError ? firstError(error.suppressed) : error;
}

/** The inverse of `serializeError`. */
export function deserializeError(error: SerializedError): SyncError {
  return new SyncError(error.code, error.message, { detail: error.detail });
}

/** True for the error that an aborted signal throws. */
export function isAbort(error: unknown): boolean {
  return (
    error instanceof Error && (error.name === 'AbortError' || (error instanceof SyncError && error.kind === 'canceled'))
  );
}
