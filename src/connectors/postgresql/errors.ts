import { type ErrorCode, SyncError } from '../../core/index.ts';

/** Which part a session plays. */
export type Side = 'source' | 'destination';

/** What was being done when an error came, for the message: never a value, never a password. */
export interface Scene {
  /** Begins the sentence, such as `Reading "public"."orders"`. */
  readonly action: string;
  /** `host:port/database`, as the user wrote it. */
  readonly address: string;
  /** What a missing table, or a value that the server refuses, means here. */
  readonly side: Side;
}

/** The parts of an ErrorResponse that we use; a driver's error has the same names. */
export interface ServerError {
  readonly code: string;
  readonly message: string;
  readonly column?: string | undefined;
  readonly constraint?: string | undefined;
  readonly where?: string | undefined;
}

/**
 * SQLSTATE, or its class of two characters, to our code. A whole SQLSTATE wins over its class.
 * @see PostgreSQL manual, appendix A
 */
const CODES: Readonly<Record<string, ErrorCode>> = {
  '28': 'CONN_AUTH_REFUSED',
  '3D000': 'CONN_DATABASE_MISSING',
  '42501': 'CONN_PRIVILEGE_MISSING',
  '25006': 'CONN_PRIVILEGE_MISSING',
  '55P03': 'LOCK_TIMEOUT',
  '53100': 'DISK_FULL',
  '58030': 'DISK_FAILED',
  '72000': 'SNAPSHOT_LOST',
  '08': 'CONN_LOST',
  '40': 'CONN_LOST',
  '53': 'CONN_LOST',
  '53300': 'CONN_FULL',
  '57': 'CONN_LOST',
  '25P03': 'CONN_LOST',
  '25P04': 'CONN_LOST',
  // A cache that another session's DDL made stale is filled again at the next try.
  XX000: 'CONN_LOST',
  // Columns that were dropped count, too.
  '54011': 'TABLE_TOO_WIDE',
  // A row that is larger than a page, or a key that is larger than a third of one.
  '54000': 'RECORD_REFUSED',
  // A value, mostly of JSON, or a trigger that goes deeper than the server's stack allows.
  '54001': 'RECORD_REFUSED',
  '22': 'RECORD_REFUSED',
  '23': 'RECORD_REFUSED',
  // A trigger of the user raised an exception.
  P0: 'RECORD_REFUSED',
};

/** Errors of the operating system's network calls, by Node's code. */
const NETWORK: Readonly<Record<string, ErrorCode>> = {
  ENOTFOUND: 'CONN_UNREACHABLE',
  EAI_AGAIN: 'CONN_UNREACHABLE',
  ECONNREFUSED: 'CONN_UNREACHABLE',
  EHOSTUNREACH: 'CONN_UNREACHABLE',
  ENETUNREACH: 'CONN_UNREACHABLE',
  ETIMEDOUT: 'CONN_UNREACHABLE',
  ECONNRESET: 'CONN_LOST',
  EPIPE: 'CONN_LOST',
  ENOSPC: 'DISK_FULL',
};

/**
 * What is wrong with a record, by SQLSTATE, or for all others of a class. Triggers, generated columns and defaults of the user
 * compute, so whatever an expression can meet may come.
 * @see PostgreSQL manual, appendix A, classes 22, 23, 54 and P0
 */
const CONDITIONS: Readonly<Record<string, string>> = {
  '22': 'a value that does not fit',
  '22001': 'value too long',
  '22003': 'number out of range',
  '22004': 'NULL where none is allowed',
  '22007': 'invalid date or time',
  '22008': 'date or time out of range',
  '22009': 'time zone out of range',
  '22012': 'division by zero',
  '22015': 'interval out of range',
  '22019': 'invalid escape character',
  '22021': 'bytes that are not text in this encoding',
  '22023': 'invalid value',
  '22025': 'invalid escape sequence',
  '22026': 'value of another length',
  '22030': 'key that is twice in a JSON object',
  '22032': 'invalid JSON',
  '2200H': 'sequence at its end',
  '2200L': 'XML that is not a document',
  '2200M': 'invalid XML',
  '2200N': 'invalid XML',
  '2201B': 'invalid regular expression',
  '2201E': 'logarithm that does not exist',
  '2201F': 'power or root that does not exist',
  '2202E': 'array with wrong bounds',
  '22P01': 'number that cannot be computed',
  '22P02': 'invalid text for this type',
  '22P03': 'invalid binary for this type',
  '22P04': 'malformed record',
  '22P05': 'character that this encoding lacks',
  '23': 'constraint violated',
  '23001': 'record that others refer to',
  '23502': 'NULL in a NOT NULL column',
  '23503': 'foreign key violated',
  '23505': 'unique key violated',
  '23514': 'check constraint violated',
  '23P01': 'exclusion constraint violated',
  '54000': 'row or key too large',
  '54001': 'value or trigger nested too deeply',
  P0: 'refused by a trigger',
};

const MISSING: Readonly<Record<Side, ErrorCode>> = { source: 'SOURCE_CHANGED', destination: 'TABLE_DIFFERS' };

/** What a view, rule or foreign table of the user cannot do (0A, 38, 39, HV), or is not (42809). */
const UNFIT: Readonly<Record<Side, ErrorCode>> = { source: 'SOURCE_QUERY_FAILED', destination: 'TABLE_DIFFERS' };

const ADVICE: Partial<Record<ErrorCode, string>> = {
  CONN_AUTH_REFUSED: 'Correct the username, the password or the server’s pg_hba.conf.',
  CONN_DATABASE_MISSING: 'Correct the name of the database.',
  CONN_PRIVILEGE_MISSING: 'Grant the privilege to the user of the connection.',
  CONN_UNREACHABLE: 'Check hostname and port, and that the network lets us through.',
  CONN_LOST: 'It is tried again by itself.',
  CONN_FULL:
    'The server or the role has no session left for us; it is tried again by itself. Raise max_connections or CONNECTION LIMIT, or lower the concurrency limit of the sync.',
  LOCK_TIMEOUT: 'Another session holds the table; it is tried again by itself.',
  DISK_FULL: 'Free space on the database server, then start again.',
  DISK_FAILED: 'Look at the log of the database server and at its disk, then start again.',
  SOURCE_CHANGED: 'Refresh the schemas of the connection and look at the sync’s selection.',
  TABLE_TOO_WIDE: 'Select fewer fields, or have the table made anew when columns were dropped from it.',
  TABLE_DIFFERS: 'Do not change this table while it is being written, or start again.',
};

/** Why a record was refused, without its values: condition, SQLSTATE, column, constraint. */
function toRejectReason(error: ServerError): string {
  const condition = CONDITIONS[error.code] ?? CONDITIONS[error.code.slice(0, 2)];
  // COPY names the column in its context line only; what follows the name there may be the value.
  const column = error.column ?? /, column ("(?:[^"]|"")+"|[^\s:,]+)/.exec(error.where ?? '')?.[1];
  return [
    condition === undefined ? `SQLSTATE ${error.code}` : `${condition} (SQLSTATE ${error.code})`,
    ...(column === undefined ? [] : [`column ${column}`]),
    ...(error.constraint === undefined ? [] : [`constraint ${error.constraint}`]),
  ].join(', ');
}

/** Whatever a session threw, as the one error class. */
export function toSyncError(error: unknown, scene: Scene): SyncError {
  if (error instanceof SyncError) return error;
  if (isServerError(error)) return fromServer(error, scene);
  const message = error instanceof Error ? error.message : String(error);
  const code = codeOfNetworkError(error, message);
  return build(code, scene, message, error);
}

function fromServer(error: ServerError, scene: Scene): SyncError {
  const code = codeOf(error.code) ?? codeBySide(error.code, scene.side) ?? 'INTERNAL';
  if (code === 'RECORD_REFUSED') {
    // The server's own message may quote the value.
    return new SyncError(
      scene.side === 'source' ? 'SOURCE_QUERY_FAILED' : code,
      `${scene.action} on ${scene.address} failed: ${toRejectReason(error)}.`,
      {
        detail: { sqlState: error.code, reason: toRejectReason(error) },
      },
    );
  }
  return build(code, scene, `${error.message} (SQLSTATE ${error.code})`, error, { sqlState: error.code });
}

function build(
  code: ErrorCode,
  scene: Scene,
  answer: string,
  cause: unknown,
  detail: Readonly<Record<string, string>> = {},
): SyncError {
  const advice = adviseSpecially(code, answer) ?? ADVICE[code];
  const sentence = `${scene.action} on ${scene.address} failed: ${answer.replace(/\.$/, '')}.`;
  return new SyncError(code, advice === undefined ? sentence : `${sentence} ${advice}`, { cause, detail });
}

/** Codes with several causes, which the server's or the driver's own words tell apart. */
function adviseSpecially(code: ErrorCode, answer: string): string | undefined {
  if (code === 'CONN_TLS_FAILED') return adviseOnTls(answer);
  if (code === 'TABLE_DIFFERS' && /\(SQLSTATE 0A000\)$/.test(answer))
    return 'Something that stands on the table, such as a rule or a view, does not allow it: drop that, then start again.';
  if (/\(SQLSTATE 25006\)$/.test(answer))
    return 'The server is a replica, or its database or user is set to read only: write to the primary.';
  if (/conflict with recovery/.test(answer))
    return 'It is tried again by itself. If it comes back, set hot_standby_feedback or raise max_standby_streaming_delay on the replica.';
  return undefined;
}

function adviseOnTls(answer: string): string {
  if (/altnames|IP address mismatch|Hostname/i.test(answer))
    return 'The certificate is for another name: connect by a name that stands in it.';
  if (/alert/i.test(answer)) return 'The server refused our certificate: correct client_certificate and client_key.';
  if (/does not support SSL/.test(answer)) return 'Set up TLS on the server, or set ssl to false.';
  if (/expired/i.test(answer)) return 'Renew the certificate of the server.';
  return 'Give the authority’s certificate in ca_cert.';
}

function codeOf(sqlState: string): ErrorCode | undefined {
  return CODES[sqlState] ?? CODES[sqlState.slice(0, 2)];
}

function codeBySide(sqlState: string, side: Side): ErrorCode | undefined {
  // Undefined table, column, schema or function.
  if (['42P01', '42703', '3F000', '42704', '42883'].includes(sqlState)) return MISSING[side];
  return sqlState === '42809' || /^(0A|38|39|HV)/.test(sqlState) ? UNFIT[side] : undefined;
}

function codeOfNetworkError(error: unknown, message: string): ErrorCode {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const known = NETWORK[code];
  if (known !== undefined) return known;
  if (/^SASL|password must be a string/.test(message)) return 'CONN_AUTH_REFUSED';
  if (/CERT|ERR_TLS|ERR_SSL|EPROTO|ISSUER|SELF_SIGNED/.test(code) || /SSL|TLS|certificate/i.test(message)) {
    return 'CONN_TLS_FAILED';
  }
  if (/timeout expired|Connection terminated due to connection timeout/.test(message)) return 'CONN_UNREACHABLE';
  if (/terminated|not queryable|connection error|socket|closed/i.test(message)) return 'CONN_LOST';
  return 'INTERNAL';
}

function isServerError(error: unknown): error is ServerError {
  return (
    error instanceof Error &&
    'code' in error &&
    typeof error.code === 'string' &&
    /^[0-9A-Z]{5}$/.test(error.code) &&
    'severity' in error
  );
}
