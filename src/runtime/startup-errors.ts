import { SyncError } from '../core/index.ts';
import { isSystemError } from './private-file.ts';

/**
 * Ends the process with code 1. What a user can mend is one sentence on standard error; a defect of ours comes with
 * its stack.
 */
export function exitWith(error: unknown, output: { write(text: string): unknown } = process.stderr): never {
  output.write(`${describeFailure(error)}\n`);
  process.exit(1);
}

/** The sentence, or for a defect the stack, that tells a person why we ended. */
export function describeFailure(error: unknown): string {
  if (error instanceof SyncError && error.kind !== 'internal') return error.message;
  if (error instanceof Error) return `Millrace ended because of a defect in itself: ${error.stack ?? error.message}`;
  return `Millrace ended because of a defect in itself: ${String(error)}`;
}

const LISTEN_REASONS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'another program listens there',
  EACCES: 'this user may not use that port',
  EADDRNOTAVAIL: 'this machine does not have that address',
  ENOTFOUND: 'that host name does not resolve',
};

/** Translates why a server could not listen; other errors come back as they are. */
export function toListenError(error: unknown, host: string, port: number): unknown {
  const reason = isSystemError(error) ? LISTEN_REASONS[error.code] : undefined;
  if (reason === undefined) return error;
  return new SyncError(
    'LISTEN_FAILED',
    `Could not listen on ${host}:${port}: ${reason}. Set MILLRACE_PORT or MILLRACE_HOST to another one.`,
    { cause: error },
  );
}

/** PostgreSQL's own codes for "not with these credentials", "no such database", "not now". */
const REFUSED = /^(28|3D|57P|53)/;

/**
 * Translates why the metadata database cannot be used: what the network or PostgreSQL says about a connection.
 * Errors of a query come back as they are.
 */
export function toDatabaseError(error: unknown, databaseUrl: string): unknown {
  const reason = connectionProblem(error);
  if (reason === undefined) return error;
  const { username, hostname, port, pathname } = new URL(databaseUrl);
  const address = `${hostname}:${port || '5432'}${pathname}`;
  return new SyncError(
    'METADATA_UNREACHABLE',
    `Could not open the metadata database ${address} as ${username || 'the default user'}: ${reason}. Correct DATABASE_URL, or start that database.`,
    { cause: error },
  );
}

function connectionProblem(error: unknown): string | undefined {
  // Several addresses of one host failed: the first tells enough.
  if (error instanceof AggregateError) return connectionProblem(error.errors[0]);
  if (!(error instanceof Error)) return undefined;
  if ('severity' in error && isSystemError(error)) return REFUSED.test(error.code) ? error.message : undefined;
  if (isSystemError(error) && error.syscall !== undefined) return error.message;
  return /timeout|terminated|SSL|certificate|password must be/i.test(error.message) ? error.message : undefined;
}
